/* Calls of others, by libcurl. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "courier/process.h"
#include "courier/reach.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"

#define CONNECT_MS 10000L
#define ANSWER_MAX 65536 /* bytes of a body that are read; what comes behind is of no interest */
#define HEAD_MAX   65536

struct transfer {
	struct process *process;
	CURL *easy;
	struct curl_slist *headers;
	uint64_t id;
	bool trusted, refused;
	size_t head_length, body_length; /* of the answer */
	char text[CURL_ERROR_SIZE];
};

/* ── what libcurl asks ───────────────────────────────────────────────────────────────────────── */

/* Asked for each address that a name has, when it is connected to: so a name cannot change between a check
 * and its use. */
static curl_socket_t open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct transfer *transfer = context;
	if (!transfer->trusted && !transfer->process->proxy &&
	    !reach_allows(&address->addr, transfer->process->reach)) {
		transfer->refused = true;
		return CURL_SOCKET_BAD;
	}
	return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* Fewer bytes than there are: libcurl ends the transfer. */
static size_t count_body(char *data, size_t one, size_t length, void *context)
{
	struct transfer *transfer = context;
	transfer->body_length += length;
	return transfer->body_length > ANSWER_MAX ? 0 : length;
}

static size_t count_head(char *data, size_t one, size_t length, void *context)
{
	struct transfer *transfer = context;
	transfer->head_length += length;
	return transfer->head_length > HEAD_MAX ? 0 : length;
}

/* ── beginning one ───────────────────────────────────────────────────────────────────────────── */

static void free_transfer(struct transfer *transfer)
{
	curl_easy_cleanup(transfer->easy);
	curl_slist_free_all(transfer->headers);
	free(transfer);
}

static bool add_header(struct transfer *transfer, const char *text)
{
	struct curl_slist *list = curl_slist_append(transfer->headers, text);
	if (list)
		transfer->headers = list;
	return list;
}

/* Those are libcurl's to set. */
static bool is_own(const char *name)
{
	static const char *const names[] = {"Host",	  "Content-Length", "Transfer-Encoding",
					    "Connection", "Expect",	    "Trailer"};
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcasecmp(name, names[i]))
			return true;
	return false;
}

static bool add_headers(struct transfer *transfer, struct record_view head)
{
	struct record_field field;
	bool typed = false;
	while (record_next(&head, &field)) {
		const char *value = record_text(&field);
		if (field.tag != FIELD_HEADER || !value || is_own(field.key) ||
		    strpbrk(field.key, ":\r\n") || strpbrk(value, "\r\n"))
			continue;
		typed |= !strcasecmp(field.key, "Content-Type");
		cleanup_free char *text = NULL;
		/* "Name;" is how libcurl is told of an empty value. */
		if (asprintf(&text, *value ? "%s: %s" : "%s;", field.key, value) < 0) {
			text = NULL;
			return false;
		}
		if (!add_header(transfer, text))
			return false;
	}
	/* Neither a form, as libcurl would say, nor a question before the body. */
	return (typed || add_header(transfer, "Content-Type:")) && add_header(transfer, "Expect:");
}

static void set_up_body(struct transfer *transfer, const struct order_view *order)
{
	CURL *easy = transfer->easy;
	curl_easy_setopt(easy, CURLOPT_POST, 1L);
	curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)order->body_length);
	curl_easy_setopt(easy, CURLOPT_POSTFIELDS, order->body);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer->headers);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "mayfly");
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, count_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, count_head);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
}

static void set_up_way(struct transfer *transfer, const struct order_view *order)
{
	const struct process *process = transfer->process;
	CURL *easy = transfer->easy;
	const uint64_t milliseconds = order->message->total_ns / 1000000;
	curl_easy_setopt(easy, CURLOPT_URL, record_find_text(order->head, FIELD_CALLBACK, ""));
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	/* An empty one: none, and the environment is not looked at. */
	curl_easy_setopt(easy, CURLOPT_PROXY, process->proxy ? process->proxy : "");
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
	/* A name that nobody answers for must not hold up the others beyond that time. */
	curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS,
			 milliseconds > INT32_MAX ? (long)INT32_MAX : (long)milliseconds + 1);
	if (process->certificates)
		curl_easy_setopt(easy, CURLOPT_CAINFO, process->certificates);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, transfer);
	/* A stranger must not find the connection to where only the owner may call. */
	curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, transfer->trusted ? 1L : 0L);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->text);
	curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
}

void post_begin(struct process *process, const struct order_view *order)
{
	struct transfer *transfer = calloc(1, sizeof(*transfer));
	CURL *easy = curl_easy_init();
	if (!transfer || !easy) {
		curl_easy_cleanup(easy);
		free(transfer);
		process_fail(process, order->message->id, -ENOMEM, "no memory for a call");
		return;
	}
	transfer->process = process;
	transfer->easy = easy;
	transfer->id = order->message->id;
	transfer->trusted = order->message->flags & COURIER_TRUSTED;
	bool good = add_headers(transfer, order->head);
	if (good) {
		set_up_body(transfer, order);
		set_up_way(transfer, order);
		good = !curl_multi_add_handle(process->transfers, easy);
	}
	if (!good) {
		process_fail(process, transfer->id, -ENOMEM, "no memory for a call");
		free_transfer(transfer);
	}
}

/* ── ending one ──────────────────────────────────────────────────────────────────────────────── */

static int result_errno(const struct transfer *transfer, CURLcode result)
{
	long system = 0;
	if (transfer->refused)
		return EACCES;
	curl_easy_getinfo(transfer->easy, CURLINFO_OS_ERRNO, &system);
	switch (result) {
	case CURLE_OPERATION_TIMEDOUT:
		return ETIMEDOUT;
	case CURLE_COULDNT_CONNECT:
		return system ? (int)system : ECONNREFUSED;
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY:
		return EHOSTUNREACH;
	case CURLE_GOT_NOTHING:
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR:
		return ECONNRESET;
	case CURLE_OUT_OF_MEMORY:
		return ENOMEM;
	case CURLE_URL_MALFORMAT:
		return EINVAL;
	default:
		return EPROTO;
	}
}

static void end_transfer(struct transfer *transfer, CURLcode result)
{
	struct process *process = transfer->process;
	long status = 0;
	curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
	curl_multi_remove_handle(process->transfers, transfer->easy);
	const bool too_long = transfer->head_length > HEAD_MAX;
	/* With the head all is known, however the rest went. */
	if (status >= 200 && !too_long &&
	    (!result || result == CURLE_WRITE_ERROR || result == CURLE_PARTIAL_FILE ||
	     result == CURLE_SEND_ERROR || result == CURLE_RECV_ERROR))
		process_answer(process, transfer->id, (unsigned)status, NULL, 0, 0, 0);
	else if (transfer->refused)
		process_fail(process, transfer->id, -EACCES,
			     "callbacks may not lead to this machine, unless mayflyd has "
			     "--callbacks-loopback, nor to services of its network");
	else if (too_long)
		process_fail(process, transfer->id, -EPROTO, "the head of the answer is too long");
	else
		process_fail(process, transfer->id, -result_errno(transfer, result),
			     *transfer->text ? transfer->text : curl_easy_strerror(result));
	free_transfer(transfer);
}

void post_continue(struct process *process)
{
	int running = 0, left = 0;
	curl_multi_perform(process->transfers, &running);
	const CURLMsg *message;
	while ((message = curl_multi_info_read(process->transfers, &left))) {
		char *transfer = NULL;
		if (message->msg != CURLMSG_DONE)
			continue;
		const CURLcode result = message->data.result;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
		end_transfer((struct transfer *)transfer, result);
	}
}
