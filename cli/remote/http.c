/* HTTP by libcurl; see http.h. */
#include "cli/remote/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "download/curl_library.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/clock.h"

#define CONNECT_MS 10000L

/* A call under way. */
struct transfer {
	const struct http_call *call;
	struct http_answer *answer;
	struct curl_library library;
	CURL *handle;
	struct curl_slist *headers;
	size_t sent; /* of the body's data */
	int result;  /* of `piece`, or what reading the body failed with */
	uint64_t idle_ns;
	char failure[CURL_ERROR_SIZE];
};

static void release_transfer(struct transfer *transfer)
{
	if (transfer->handle)
		transfer->library.curl_easy_cleanup(transfer->handle);
	if (transfer->headers)
		transfer->library.curl_slist_free_all(transfer->headers);
}

/* ── what libcurl calls ────────────────────────────────────────────────────────────────────── */

static size_t send_body(char *data, size_t size, size_t count, void *context)
{
	struct transfer *transfer = context;
	const struct http_body *body = transfer->call->body;
	size_t room = size * count, left = body->length - transfer->sent;
	if (left) {
		size_t length = left < room ? left : room;
		memcpy(data, (const char *)body->data + transfer->sent, length);
		transfer->sent += length;
		return length;
	}
	ssize_t length = 0;
	if (body->fd >= 0)
		do
			length = read(body->fd, data, room);
		while (length < 0 && errno == EINTR);
	if (length >= 0)
		return (size_t)length;
	transfer->result = -errno;
	return CURL_READFUNC_ABORT;
}

static size_t take_piece(char *data, size_t size, size_t count, void *context)
{
	struct transfer *transfer = context;
	long status = 0;
	transfer->library.curl_easy_getinfo(transfer->handle, CURLINFO_RESPONSE_CODE, &status);
	transfer->result =
	    transfer->call->piece(transfer->call->context, (unsigned)status, data, size * count);
	return transfer->result ? 0 : size * count;
}

static bool is_header(const char *line, size_t length, const char *name, const char **value,
		      size_t *value_length)
{
	size_t name_length = strlen(name);
	if (length <= name_length || strncasecmp(line, name, name_length) != 0 ||
	    line[name_length] != ':')
		return false;
	const char *begin = line + name_length + 1, *end = line + length;
	while (begin < end && strchr(" \t", *begin))
		begin++;
	while (end > begin && strchr(" \t\r\n", end[-1]))
		end--;
	*value = begin;
	*value_length = (size_t)(end - begin);
	return true;
}

static size_t take_header(char *line, size_t size, size_t count, void *context)
{
	struct transfer *transfer = context;
	const struct {
		const char *name;
		char **place;
	} kept[] = {
	    {"content-type", &transfer->answer->type},
	    {"location", &transfer->answer->location},
	    {"x-call-id", &transfer->answer->call_id},
	    {"retry-after", &transfer->answer->retry_after},
	};
	for (size_t i = 0; i < ARRAY_SIZE(kept); i++) {
		const char *value;
		size_t length;
		if (!is_header(line, size * count, kept[i].name, &value, &length))
			continue;
		free(*kept[i].place);
		*kept[i].place = strndup(value, length);
	}
	return size * count;
}

static int be_idle(void *context, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	struct transfer *transfer = context;
	uint64_t now = clock_now_ns();
	if (now - transfer->idle_ns >= NANOSECONDS_PER_SECOND / 2) {
		transfer->idle_ns = now;
		transfer->call->idle(transfer->call->context);
	}
	return 0;
}

/* ── the call ──────────────────────────────────────────────────────────────────────────────── */

static int add_header(struct transfer *transfer, const char *header)
{
	struct curl_slist *list = transfer->library.curl_slist_append(transfer->headers, header);
	if (!list)
		return -ENOMEM;
	transfer->headers = list;
	return 0;
}

#define set(option, value) transfer->library.curl_easy_setopt(transfer->handle, (option), (value))

static int prepare_body(struct transfer *transfer)
{
	const struct http_call *call = transfer->call;
	if (!strcmp(call->method, "HEAD"))
		set(CURLOPT_NOBODY, 1L);
	if (!call->body)
		return 0;
	set(CURLOPT_UPLOAD, 1L);
	set(CURLOPT_READFUNCTION, send_body);
	set(CURLOPT_READDATA, transfer);
	if (call->body->whole != HTTP_BODY_UNKNOWN) {
		set(CURLOPT_INFILESIZE_LARGE, (curl_off_t)call->body->whole);
		return 0;
	}
	return add_header(transfer, "Transfer-Encoding: chunked");
}

static int prepare(struct transfer *transfer)
{
	const struct http_call *call = transfer->call;
	int result = prepare_body(transfer);
	set(CURLOPT_URL, call->url);
	/* After the options that imply a method. */
	set(CURLOPT_CUSTOMREQUEST, call->method);
	set(CURLOPT_PROTOCOLS_STR, "http,https");
	set(CURLOPT_USERAGENT, "mayfly/" MAYFLY_VERSION);
	set(CURLOPT_NOSIGNAL, 1L);
	set(CURLOPT_TCP_KEEPALIVE, 1L);
	set(CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
	set(CURLOPT_TIMEOUT_MS, (long)divide_up(call->patience_ns, 1000000));
	set(CURLOPT_ERRORBUFFER, transfer->failure);
	set(CURLOPT_PATH_AS_IS, 1L);
	set(CURLOPT_BUFFERSIZE, 262144L);
	set(CURLOPT_UPLOAD_BUFFERSIZE, 262144L);
	set(CURLOPT_WRITEFUNCTION, take_piece);
	set(CURLOPT_WRITEDATA, transfer);
	set(CURLOPT_HEADERFUNCTION, take_header);
	set(CURLOPT_HEADERDATA, transfer);
	if (call->local)
		set(CURLOPT_PROXY, "");
	if (call->user) {
		set(CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
		set(CURLOPT_USERNAME, call->user);
		set(CURLOPT_PASSWORD, call->password ? call->password : "");
	}
	if (call->authorities)
		set(CURLOPT_CAINFO, call->authorities);
	if (call->insecure) {
		set(CURLOPT_SSL_VERIFYPEER, 0L);
		set(CURLOPT_SSL_VERIFYHOST, 0L);
	}
	if (call->idle) {
		set(CURLOPT_NOPROGRESS, 0L);
		set(CURLOPT_XFERINFOFUNCTION, be_idle);
		set(CURLOPT_XFERINFODATA, transfer);
	}
	for (size_t i = 0; !result && call->headers && call->headers[i]; i++)
		result = add_header(transfer, call->headers[i]);
	set(CURLOPT_HTTPHEADER, transfer->headers);
	return result;
}

#undef set

static int tell_failure(const struct transfer *transfer, CURLcode code, struct error *error)
{
	const struct http_call *call = transfer->call;
	const char *detail =
	    *transfer->failure ? transfer->failure : transfer->library.curl_easy_strerror(code);
	switch (code) {
	case CURLE_COULDNT_CONNECT:
		return error_set(error, ECONNREFUSED,
				 "nothing answers at %.256s: start a gateway there by mayfly up, "
				 "or name another by --gateway=URL",
				 call->server);
	case CURLE_COULDNT_RESOLVE_HOST:
		return error_set(error, ENOENT,
				 "the host of %.256s is unknown: look at --gateway and "
				 "MAYFLY_GATEWAY",
				 call->server);
	case CURLE_OPERATION_TIMEDOUT:
		return error_set(error, ETIMEDOUT,
				 "%.256s did not answer in time: try again, or wait longer by "
				 "--patience=TIME",
				 call->server);
	case CURLE_PEER_FAILED_VERIFICATION:
		return error_set(error, EACCES,
				 "the certificate of %.256s is not trusted (%s): name who "
				 "signed it by --tls-ca=FILE",
				 call->server, detail);
	case CURLE_SSL_CACERT_BADFILE:
		return error_set(error, EINVAL, "--tls-ca: %.256s holds no certificates",
				 call->authorities ? call->authorities : "the system's file");
	case CURLE_SSL_CONNECT_ERROR:
		return error_set(error, EPROTO,
				 "no TLS with %.256s (%s): is it https, and not http?",
				 call->server, detail);
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_WEIRD_SERVER_REPLY:
	case CURLE_GOT_NOTHING:
		return error_set(error, EPROTO, "what answers at %.256s is no HTTP server (%s)",
				 call->server, detail);
	case CURLE_RECV_ERROR:
		if (!transfer->answer->status)
			return error_set(error, EPIPE,
					 "%.256s broke off before it answered (%s): is it https?",
					 call->server, detail);
		__attribute__((fallthrough));
	case CURLE_PARTIAL_FILE:
		return error_set(error, EPIPE, "the response of %.256s broke off (%s)",
				 call->server, detail);
	case CURLE_OUT_OF_MEMORY:
		return error_set(error, ENOMEM, "no memory for a request");
	default:
		return error_set(error, EIO, "cannot call %.256s: %s", call->server, detail);
	}
}

int http_perform(const struct http_call *call, struct http_answer *answer, struct error *error)
{
	cleanup(release_transfer) struct transfer transfer = {.call = call, .answer = answer};
	*answer = (struct http_answer){0};
	int result = curl_library_load(&transfer.library, error);
	if (result)
		return result;
	transfer.handle = transfer.library.curl_easy_init();
	if (!transfer.handle || prepare(&transfer))
		return error_set(error, ENOMEM, "no memory for a request");
	transfer.idle_ns = clock_now_ns();
	CURLcode code = transfer.library.curl_easy_perform(transfer.handle);
	long status = 0;
	transfer.library.curl_easy_getinfo(transfer.handle, CURLINFO_RESPONSE_CODE, &status);
	answer->status = (unsigned)status;
	if (transfer.result && code == CURLE_ABORTED_BY_CALLBACK)
		return error_set_errno(error, -transfer.result, "cannot read the request's body");
	if (transfer.result)
		return transfer.result;
	return code ? tell_failure(&transfer, code, error) : 0;
}

void http_answer_release(struct http_answer *answer)
{
	free(answer->type);
	free(answer->location);
	free(answer->call_id);
	free(answer->retry_after);
	*answer = (struct http_answer){0};
}

/* ── URLs ──────────────────────────────────────────────────────────────────────────────────── */

static bool is_loopback(const char *host)
{
	struct in_addr address;
	if (!strcasecmp(host, "localhost") || !strcmp(host, "[::1]"))
		return true;
	/* And not a name that only begins like an address. */
	return inet_pton(AF_INET, host, &address) == 1 && ntohl(address.s_addr) >> 24 == 127;
}

static bool has_part(const struct curl_library *library, CURLU *parts, CURLUPart part)
{
	char *text = NULL;
	bool there = !library->curl_url_get(parts, part, &text, 0);
	library->curl_free(text);
	return there;
}

static int take_parts(const struct curl_library *library, CURLU *parts, const char *text, char *url,
		      size_t size, bool *local, struct error *error)
{
	char *whole = NULL, *host = NULL;
	if (library->curl_url_set(parts, CURLUPART_URL, text, 0))
		return error_set(error, EINVAL, "'%.256s' is no URL: write http://HOST:PORT", text);
	if (has_part(library, parts, CURLUPART_USER) ||
	    has_part(library, parts, CURLUPART_PASSWORD))
		return error_set(error, EINVAL,
				 "a user or password has no place in a gateway's URL, where "
				 "others see it: use mayfly login");
	if (has_part(library, parts, CURLUPART_QUERY) ||
	    has_part(library, parts, CURLUPART_FRAGMENT))
		return error_set(error, EINVAL,
				 "'%.256s' is no gateway's URL: nothing may follow its path", text);
	library->curl_url_get(parts, CURLUPART_URL, &whole, 0);
	library->curl_url_get(parts, CURLUPART_HOST, &host, 0);
	int result = 0;
	if (!whole || !host)
		result = error_set(error, EINVAL, "'%.256s' is no URL of a gateway", text);
	else if (strncmp(whole, "http://", 7) != 0 && strncmp(whole, "https://", 8) != 0)
		result = error_set(error, EINVAL, "'%.256s' is neither http:// nor https://", text);
	else if ((size_t)snprintf(url, size, "%s", whole) >= size)
		result = error_set(error, EINVAL, "the URL '%.64s…' is too long", text);
	if (!result) {
		for (size_t end = strlen(url); end && url[end - 1] == '/'; end--)
			url[end - 1] = 0;
		*local = host && is_loopback(host);
	}
	library->curl_free(whole);
	library->curl_free(host);
	return result;
}

int http_normalise_url(const char *text, char *url, size_t size, bool *local, struct error *error)
{
	struct curl_library library;
	char whole[1024];
	int result = curl_library_load(&library, error);
	if (result)
		return result;
	int length =
	    snprintf(whole, sizeof(whole), "%s%s", strstr(text, "://") ? "" : "http://", text);
	if (length < 0 || (size_t)length >= sizeof(whole))
		return error_set(error, EINVAL, "the URL '%.64s…' is too long", text);
	CURLU *parts = library.curl_url();
	if (!parts)
		return error_set(error, ENOMEM, "no memory for a URL");
	result = take_parts(&library, parts, whole, url, size, local, error);
	library.curl_url_cleanup(parts);
	return result;
}

const char *http_status_text(unsigned status)
{
	static const struct {
		unsigned status;
		const char *text;
	} known[] = {
	    {400, "Bad Request"},
	    {401, "Unauthorized"},
	    {403, "Forbidden"},
	    {404, "Not Found"},
	    {405, "Method Not Allowed"},
	    {408, "Request Timeout"},
	    {409, "Conflict"},
	    {411, "Length Required"},
	    {413, "Content Too Large"},
	    {415, "Unsupported Media Type"},
	    {422, "Unprocessable Content"},
	    {429, "Too Many Requests"},
	    {431, "Request Header Fields Too Large"},
	    {500, "Internal Server Error"},
	    {501, "Not Implemented"},
	    {502, "Bad Gateway"},
	    {503, "Service Unavailable"},
	    {504, "Gateway Timeout"},
	};
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (known[i].status == status)
			return known[i].text;
	return "";
}
