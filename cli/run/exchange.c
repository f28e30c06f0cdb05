/* --http; see exchange.h. */
#include "cli/run/exchange.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/file.h"
#include "util/log.h"

#define PIECE_SIZE 65536

int http_network(const char *port, char **network, struct error *error)
{
	char *end;
	const unsigned long number = strtoul(port, &end, 10);
	*network = NULL;
	if (*port && (*port < '0' || *port > '9' || *end || !number || number > UINT16_MAX))
		return error_set(error, EINVAL, "--http: '%.16s' is no port", port);
	if (asprintf(network, "*=http%s%s", *port ? ",port=" : "", port) < 0)
		return error_set(error, ENOMEM, "no memory for options");
	return 0;
}

size_t http_request_head(const char *port, uint64_t length, char head[HTTP_HEAD_SIZE])
{
	char body[128] = "";
	if (length)
		snprintf(body, sizeof(body),
			 "Content-Type: application/octet-stream\r\nContent-Length: %lu\r\n",
			 length);
	return (size_t)snprintf(head, HTTP_HEAD_SIZE,
				"%s / HTTP/1.1\r\nHost: localhost%s%.5s\r\nAccept: */*\r\n"
				"Connection: close\r\n%s\r\n",
				length ? "POST" : "GET", *port ? ":" : "", port, body);
}

/* ── the request ─────────────────────────────────────────────────────────────────────────────── */

/* Copies standard input behind the room for a head. */
static int copy_input(struct http_exchange *exchange, uint64_t *length, struct error *error)
{
	cleanup_free uint8_t *piece = malloc(PIECE_SIZE);
	const uint64_t deadline_ns = clock_now_ns() + exchange->patience_ns;
	*length = 0;
	if (!piece || lseek(exchange->request, HTTP_HEAD_SIZE, SEEK_SET) < 0)
		return error_set(error, ENOMEM, "no memory for a request");
	for (;;) {
		const ssize_t got = file_read_until(STDIN_FILENO, piece, PIECE_SIZE, deadline_ns);
		if (got < 0)
			return error_set_errno(error, (int)-got, "cannot read the request");
		if (!got)
			return 0;
		const int result = file_write_all(exchange->request, piece, (size_t)got);
		if (result)
			return error_set_errno(error, -result, "cannot keep the request");
		*length += (uint64_t)got;
	}
}

/* The head ends where the body begins, and there it is read from. */
static int put_head(const struct http_exchange *exchange, const char *port, uint64_t length,
		    struct error *error)
{
	char head[HTTP_HEAD_SIZE];
	const size_t size = http_request_head(port, length, head);
	const off_t start = (off_t)(HTTP_HEAD_SIZE - size);
	if (pwrite(exchange->request, head, size, start) != (ssize_t)size ||
	    lseek(exchange->request, start, SEEK_SET) < 0)
		return error_set_errno(error, errno, "cannot keep the request");
	return 0;
}

int http_exchange_open(struct http_exchange *exchange, const char *port, uint64_t patience_ns,
		       struct error *error)
{
	uint64_t length;
	int ends[2];
	exchange->patience_ns = patience_ns;
	http_response_begin(&exchange->head, false);
	if (pipe2(ends, O_CLOEXEC))
		return error_set_errno(error, errno, "cannot make a pipe");
	exchange->response = ends[0];
	exchange->given = ends[1];
	exchange->request = memfd_create("mayfly-request", MFD_CLOEXEC);
	if (exchange->request < 0 || fcntl(exchange->response, F_SETFL, O_NONBLOCK))
		return error_set_errno(error, errno, "no memory for a request");
	const int result = copy_input(exchange, &length, error);
	return result ? result : put_head(exchange, port, length, error);
}

void http_exchange_close(struct http_exchange *exchange)
{
	if (exchange->request >= 0)
		close(exchange->request);
	if (exchange->response >= 0)
		close(exchange->response);
	if (exchange->given >= 0)
		close(exchange->given);
}

/* ── the response ────────────────────────────────────────────────────────────────────────────── */

static int pass_body(struct http_exchange *exchange, const uint8_t *data, size_t length)
{
	int result = 0;
	while (length && !result && exchange->head.part != HTTP_COMPLETE) {
		size_t piece;
		http_response_take(&exchange->head, &data, &length, &piece);
		result = file_write_until(STDOUT_FILENO, data - piece, piece,
					  clock_now_ns() + exchange->patience_ns);
	}
	return result;
}

/* Whether there is something to hand on. *room: standard output takes a piece of it at once; a pipe that
 * can be written to takes PIPE_BUF bytes. */
static bool has_come(struct http_exchange *exchange, bool *room)
{
	struct pollfd ready[] = {
	    {.fd = exchange->response, .events = POLLIN},
	    {.fd = STDOUT_FILENO, .events = POLLOUT},
	};
	const bool was_full = exchange->is_full;
	poll(ready, ARRAY_SIZE(ready), 0);
	const bool come = ready[0].revents;
	*room = ready[1].revents;
	exchange->is_full = come && !*room;
	if (exchange->is_full && !was_full)
		exchange->full_until_ns = clock_now_ns() + exchange->patience_ns;
	return come;
}

int http_exchange_pass(struct http_exchange *exchange, bool wait, struct error *error)
{
	uint8_t data[PIPE_BUF];
	bool room;
	while (has_come(exchange, &room)) {
		if (!room && !wait)
			return clock_now_ns() < exchange->full_until_ns
				   ? 0
				   : error_set_errno(error, ETIMEDOUT,
						     "cannot write to standard output");
		const ssize_t got = read(exchange->response, data, sizeof(data));
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && errno != EAGAIN)
			return error_set_errno(error, errno, "cannot read the response");
		if (got <= 0)
			return 0;
		const int result = pass_body(exchange, data, (size_t)got);
		if (result)
			return error_set_errno(error, -result, "cannot write to standard output");
	}
	return 0;
}

int http_exchange_judge(const struct http_exchange *exchange, const char *name)
{
	const struct http_response *head = &exchange->head;
	const bool whole = head->part == HTTP_COMPLETE || head->part == HTTP_BODY_TO_THE_END;
	if (!whole || !head->status)
		log_error("%s sent no%s HTTP response", name, head->status ? " whole" : "");
	else if (head->unsound)
		log_error("%s sent an HTTP response that is not sound", name);
	else if (head->status >= 400)
		log_error("%s answered %u", name, head->status);
	else
		return 0;
	return 1;
}
