/* Any bytes as what a client sends to the gateway's HTTP server, in two parts. What the handler gets has to be
 * sound, and each head has to be there as it is. */
#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "http/http_server.h"
#include "util/clock.h"

int LLVMFuzzerInitialize(int *count, char ***words);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define BODY_LIMIT 100000

#define REQUIRE(condition)                                                                         \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

struct call {
	struct http_exchange *exchange;
	const struct http_head *head;
	uint64_t length;
};

static struct sockaddr_un address = {.sun_family = AF_UNIX};
static socklen_t address_size = sizeof(address);

/* The server's thread looks at it, until the connection has ended. */
static const char *_Atomic input;
static _Atomic size_t input_size;

/* ── what a head has to be ───────────────────────────────────────────────────────────────────── */

static void require_clean(const char *text)
{
	for (; *text; text++)
		REQUIRE(((unsigned char)*text >= 0x20 || *text == '\t') && *text != 0x7f);
}

static bool has_line(const char **next, const char *text)
{
	if (strncasecmp(*next, text, strlen(text)))
		return false;
	*next += strlen(text);
	return true;
}

/* head.h says why other bytes than CR and LF may stand there. */
static bool has_end(const char **next)
{
	if (((*next)[0] != '\r' && (*next)[0] != '\0') || (*next)[1] != '\n')
		return false;
	*next += 2;
	return true;
}

/* Whether the bytes are the head: its lines, with nothing but blanks added, and an empty one. */
static bool is_head(const char *bytes, const struct http_head *head)
{
	if (!has_line(&bytes, head->method) || !has_line(&bytes, " ") ||
	    !(bytes = strchr(bytes, ' ')))
		return false;
	bytes += strlen(" HTTP/1.1");
	for (size_t i = 0; i < head->header_count; i++) {
		if (!has_end(&bytes) || !has_line(&bytes, head->headers[i].name) ||
		    !has_line(&bytes, ":"))
			return false;
		bytes += strspn(bytes, " \t");
		if (!has_line(&bytes, head->headers[i].value))
			return false;
		bytes += strspn(bytes, " \t");
	}
	for (int i = 0; i < 4; i++)
		if (!memchr("\r\n:", bytes[i], 4))
			return false;
	return bytes[3] == '\n';
}

static void require_bytes(const struct http_head *head)
{
	for (size_t i = 0; i < input_size; i++)
		if (is_head(input + i, head))
			return;
	abort();
}

static void require_sound(const struct http_head *head)
{
	unsigned int hosts = 0, lengths = 0, encodings = 0;
	REQUIRE(head->path[0] == '/' && head->method[0]);
	REQUIRE(!strpbrk(head->path, " \r\n\t?"));
	require_clean(head->path);
	require_clean(head->query ? head->query : "");
	for (size_t i = 0; i < head->header_count; i++) {
		const struct http_header *header = &head->headers[i];
		REQUIRE(header->name[0] && !strpbrk(header->name, " \t:\r\n"));
		require_clean(header->value);
		hosts += !strcasecmp(header->name, "host");
		lengths += !strcasecmp(header->name, "content-length");
		encodings += !strcasecmp(header->name, "transfer-encoding");
	}
	REQUIRE(hosts <= 1 && lengths + encodings <= 1);
	REQUIRE(encodings == (head->length == UINT64_MAX));
	REQUIRE(lengths || encodings || !head->length);
	REQUIRE(encodings || head->length <= BODY_LIMIT);
}

/* ── the handler ─────────────────────────────────────────────────────────────────────────────── */

static unsigned begin(void *context, struct http_exchange *exchange, const struct http_head *head,
		      void **state)
{
	(void)context;
	require_sound(head);
	require_bytes(head);
	if (!strncmp(head->path, "/r", 2))
		return 404;
	struct call *call = calloc(1, sizeof(*call));
	REQUIRE(call);
	call->exchange = exchange;
	call->head = head;
	*state = call;
	return 0;
}

static unsigned body(void *state, const void *data, size_t length)
{
	struct call *call = state;
	REQUIRE(data && length);
	call->length += length;
	REQUIRE(call->length <= BODY_LIMIT);
	return call->length > 5000 && !strcmp(call->head->path, "/b") ? 422 : 0;
}

static void complete(void *state)
{
	struct call *call = state;
	REQUIRE(call->head->length == UINT64_MAX || call->head->length == call->length);
	if (strcmp(call->head->path, "/c")) {
		http_answer(call->exchange, 200, "text/plain", "ok", 2);
		return;
	}
	http_respond(call->exchange, 200, call->head->headers, call->head->header_count,
		     UINT64_MAX);
	http_write(call->exchange, "some", 4, NULL, NULL);
	http_end(call->exchange, call->length % 2);
}

static void gone(void *state, bool sent)
{
	(void)sent;
	free(state);
}

static const struct http_handler handler = {
    .begin = begin, .body = body, .complete = complete, .gone = gone};

/* ── the client ──────────────────────────────────────────────────────────────────────────────── */

int LLVMFuzzerInitialize(int *count, char ***words)
{
	(void)count;
	(void)words;
	struct http_settings settings = {.header_limit = 8192,
					 .body_limit = BODY_LIMIT,
					 .connections = 100,
					 .head_timeout_ns = 5 * NANOSECONDS_PER_SECOND,
					 .idle_timeout_ns = 5 * NANOSECONDS_PER_SECOND,
					 .handler = &handler};
	struct http_server *server;
	struct error error;
	settings.listen = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	/* The kernel finds a name. */
	REQUIRE(!bind(settings.listen, (struct sockaddr *)&address, sizeof(sa_family_t)));
	REQUIRE(!getsockname(settings.listen, (struct sockaddr *)&address, &address_size));
	REQUIRE(!listen(settings.listen, 64));
	REQUIRE(!http_server_start(&server, &settings, &error));
	return 0;
}

static bool take_answers(int fd)
{
	char answers[4096];
	ssize_t length;
	while ((length = recv(fd, answers, sizeof(answers), MSG_DONTWAIT)) > 0)
		;
	return length < 0 && errno == EAGAIN;
}

/* Sends, and waits until the server has read it. False: it has closed the connection. */
static bool say(int fd, const char *data, size_t size)
{
	while (size) {
		ssize_t sent = send(fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (!take_answers(fd) || (sent < 0 && errno != EAGAIN))
			return false;
		if (sent > 0) {
			data += sent;
			size -= (size_t)sent;
		}
	}
	int unread;
	while (!ioctl(fd, SIOCOUTQ, &unread) && unread) {
		if (!take_answers(fd))
			return false;
		sched_yield();
	}
	return true;
}

/* The fuzzer's alarm interrupts it. */
static int await(struct pollfd *readable)
{
	int result;
	do
		result = poll(readable, 1, 30000);
	while (result < 0 && errno == EINTR);
	return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	size_t split = ((size_t)data[0] << 8 | data[1]) % (size - 1);
	char *bytes = calloc(1, size + 16); /* is_head() looks a line's end ahead */
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	REQUIRE(bytes && fd >= 0);
	memcpy(bytes, data + 2, size - 2);
	input_size = size - 2;
	input = bytes;
	REQUIRE(!connect(fd, (struct sockaddr *)&address, address_size));
	if (say(fd, bytes, split) && say(fd, bytes + split, input_size - split)) {
		shutdown(fd, SHUT_WR);
		struct pollfd readable = {.fd = fd, .events = POLLIN};
		/* What is longer than the time-outs would be a connection that was forgotten. */
		do
			REQUIRE(await(&readable) == 1);
		while (take_answers(fd));
	}
	close(fd);
	free(bytes);
	return 0;
}
