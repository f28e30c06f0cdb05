/* Fetching files from URLs by libcurl; see download.h. */
#include "download/download.h"

#include <errno.h>

#include "download/curl_library.h"
#include "util/clock.h"
#include "util/file.h"

struct transfer {
	const struct download_limits *limits;
	int fd;
	uint64_t bytes;
	int result; /* why it was given up; 0: by nobody here */
};

static size_t take(char *data, size_t size, size_t count, void *context)
{
	struct transfer *transfer = context;
	size_t length = size * count; /* `size` is 1 */
	transfer->bytes += length;
	if (transfer->bytes > transfer->limits->bytes)
		transfer->result = -EFBIG;
	else
		transfer->result = file_write_all(transfer->fd, data, length);
	return transfer->result ? 0 : length;
}

static int watch(void *context, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	struct transfer *transfer = context;
	(void)a;
	(void)b;
	(void)c;
	(void)d;
	uint64_t deadline_ns = transfer->limits->deadline_ns;
	if (deadline_ns && clock_now_ns() > deadline_ns)
		transfer->result = -ETIMEDOUT;
	return transfer->result;
}

static CURLcode perform(const struct curl_library *library, CURL *handle, const char *url,
			struct transfer *transfer, char *failure)
{
	const struct download_limits *limits = transfer->limits;
#define set(option, value) library->curl_easy_setopt(handle, (option), (value))
	/* A redirection must not lead to a file of this machine. */
	set(CURLOPT_PROTOCOLS_STR, "http,https,ftp,ftps");
	set(CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
	set(CURLOPT_URL, url);
	set(CURLOPT_FOLLOWLOCATION, 1L);
	set(CURLOPT_MAXREDIRS, 10L);
	set(CURLOPT_FAILONERROR, 1L);
	set(CURLOPT_NOSIGNAL, 1L);
	set(CURLOPT_CONNECTTIMEOUT, (long)limits->connect_s);
	set(CURLOPT_LOW_SPEED_LIMIT, 1024L);
	set(CURLOPT_LOW_SPEED_TIME, (long)limits->stall_s);
	set(CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)limits->bytes);
	set(CURLOPT_NOPROGRESS, 0L);
	set(CURLOPT_XFERINFOFUNCTION, watch);
	set(CURLOPT_XFERINFODATA, transfer);
	set(CURLOPT_WRITEFUNCTION, take);
	set(CURLOPT_WRITEDATA, transfer);
	set(CURLOPT_ERRORBUFFER, failure);
#undef set
	return library->curl_easy_perform(handle);
}

int download_to(const char *url, int fd, const struct download_limits *limits, struct error *error)
{
	struct curl_library library;
	int result = curl_library_load(&library, error);
	if (result)
		return result;
	CURL *handle = library.curl_easy_init();
	if (!handle)
		return error_set(error, ENOMEM, "no memory for a transfer");
	struct transfer transfer = {.limits = limits, .fd = fd};
	char failure[CURL_ERROR_SIZE] = "";
	CURLcode code = perform(&library, handle, url, &transfer, failure);
	library.curl_easy_cleanup(handle);
	if (!code)
		return 0;
	if (transfer.result == -EFBIG || code == CURLE_FILESIZE_EXCEEDED)
		return error_set(error, EFBIG, "%s: it has more than %llu bytes", url,
				 (unsigned long long)limits->bytes);
	if (transfer.result == -ETIMEDOUT)
		return error_set(error, ETIMEDOUT, "%s: the deadline has passed", url);
	if (transfer.result)
		return error_set_errno(error, -transfer.result, "%s: cannot write the file", url);
	return error_set(error, code == CURLE_OPERATION_TIMEDOUT ? ETIMEDOUT : EREMOTEIO, "%s: %s",
			 url, *failure ? failure : library.curl_easy_strerror(code));
}
