/* A connection to a server in a container; see connection.h. */
#include "oci/container/connection.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "oci/container/head.h"
#include "util/clock.h"

/* How long the head of a request may take, and a connection with its request. */
#define HEAD_NS	      (60 * NANOSECONDS_PER_SECOND)
#define CONNECTION_NS (3600 * NANOSECONDS_PER_SECOND)

/* How long a client may take to close what is over. */
#define LINGER_NS	(2 * NANOSECONDS_PER_SECOND)
#define DROPPED_AT_ONCE 16 /* reads of what it still sends */

#define ANSWER(status) "HTTP/1.1 " status "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

struct connection *connection_open(struct mayfly_function *function, int socket, bool http)
{
	struct connection *self = calloc(1, sizeof(*self));
	char *head = self ? malloc(2 * HEAD_MAX) : NULL;
	if (!head) {
		free(self);
		close(socket);
		return NULL;
	}
	*self = (struct connection){
	    .function = function,
	    .socket = socket,
	    .http = http,
	    .head = head,
	    .head_until_ns = clock_now_ns() + HEAD_NS,
	};
	streams_init(&self->streams, socket, socket);
	return self;
}

void connection_close(struct connection *self)
{
	streams_release(&self->streams);
	close(self->socket);
	free(self->head);
	free(self);
}

/* What the server did not say. */
static void answer(struct connection *self, const char *text)
{
	if (self->http && !self->answered)
		streams_write(&self->streams, text, strlen(text));
	self->answered = true;
}

/* ── the request ─────────────────────────────────────────────────────────────────────────────── */

static int respond(void *context, const void *data, size_t length)
{
	struct connection *self = context;
	self->answered |= length;
	return streams_write(&self->streams, data, length);
}

static void note_wanted(void *context, size_t room)
{
	struct connection *self = context;
	self->streams.room = room;
}

static void note_done(void *context, const struct mayfly_result *result)
{
	struct connection *self = context;
	self->done = true;
	if (!self->broken)
		answer(self, result->outcome == MAYFLY_DEADLINE ? ANSWER("504 Gateway Timeout")
								: ANSWER("502 Bad Gateway"));
}

static void submit(struct connection *self)
{
	struct mayfly_request request;
	mayfly_request_init(&request, sizeof(request));
	request.data = self->head;
	request.length = self->length;
	request.timeout_ns = CONNECTION_NS;
	request.response_limit = request.log_limit = 0;
	request.flags = MAYFLY_FED | MAYFLY_UNBUFFERED;
	request.respond = respond;
	request.wanted = note_wanted;
	request.done = note_done;
	request.context = self;
	self->submitted = true;
	if (!mayfly_function_submit(self->function, &request, &self->serial, NULL))
		return;
	self->done = true;
	answer(self, ANSWER("503 Service Unavailable"));
}

/* ── before there is one ─────────────────────────────────────────────────────────────────────── */

static void give_up(struct connection *self, const char *text)
{
	self->submitted = self->done = true;
	if (text)
		answer(self, text);
}

/* The whole head is there: what is behind it stays behind it. */
static void begin(struct connection *self, size_t length)
{
	char *closed = malloc(2 * HEAD_MAX);
	if (!closed) {
		give_up(self, ANSWER("503 Service Unavailable"));
		return;
	}
	const size_t size = head_close(self->head, length, closed);
	memcpy(closed + size, self->head + length, self->length - length);
	free(self->head);
	self->head = closed;
	self->length += size - length;
	submit(self);
}

static void read_head(struct connection *self)
{
	const ssize_t got =
	    recv(self->socket, self->head + self->length, HEAD_MAX - self->length, 0);
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0) {
		give_up(self, NULL);
		return;
	}
	self->length += (size_t)got;
	const size_t length = head_length(self->head, self->length);
	if (length)
		begin(self, length);
	else if (self->length == HEAD_MAX)
		give_up(self, ANSWER("431 Request Header Fields Too Large"));
}

/* ── while it is served ──────────────────────────────────────────────────────────────────────── */

static void feed(struct connection *self)
{
	const void *data;
	size_t length, taken = 0;
	bool last;
	streams_read(&self->streams, &data, &length, &last);
	if (!length && !last)
		return;
	const int result =
	    mayfly_function_feed(self->function, self->serial, data, length, last, &taken);
	streams_note_fed(&self->streams, result == -EAGAIN ? taken : length, result);
}

static void note_broken(struct connection *self)
{
	self->broken = true;
	self->streams.reader_gone = true;
	if (!self->submitted)
		give_up(self, NULL);
	else if (!self->done)
		mayfly_function_cancel(self->function, self->serial);
}

static void drop_input(struct connection *self)
{
	char bytes[4096];
	ssize_t got = 1;
	/* Others have their turn, too. */
	for (int i = 0; i < DROPPED_AT_ONCE && got > 0; i++)
		got = recv(self->socket, bytes, sizeof(bytes), 0);
	if (!got || (got < 0 && errno != EAGAIN && errno != EINTR))
		self->broken = true;
}

struct pollfd connection_wants(const struct connection *self)
{
	struct pollfd wanted = {.fd = self->broken ? -1 : self->socket};
	if (!self->submitted || self->lingers ||
	    (!self->done && streams_wants(&self->streams) >= 0))
		wanted.events |= POLLIN;
	if (streams_is_held(&self->streams))
		wanted.events |= POLLOUT;
	return wanted;
}

void connection_process(struct connection *self, short events, uint64_t now_ns)
{
	/* A server may speak first, but for HTTP. */
	if (!self->http && !self->submitted)
		submit(self);
	if (!self->submitted && events & (POLLIN | POLLHUP))
		read_head(self);
	if (!self->submitted && now_ns >= self->head_until_ns)
		give_up(self, self->length ? ANSWER("408 Request Timeout") : NULL);
	if (events & POLLOUT && streams_flush(&self->streams) && self->submitted)
		mayfly_function_go_on(self->function, self->serial);
	if (self->submitted && !self->done && (events & POLLIN || streams_has_kept(&self->streams)))
		feed(self);
	if (self->lingers && events & POLLIN)
		drop_input(self);
	if (events & (POLLHUP | POLLERR) && !self->broken)
		note_broken(self);
}

bool connection_is_over(struct connection *self, uint64_t now_ns)
{
	if (!self->done || streams_is_held(&self->streams))
		return false;
	if (self->broken || self->streams.reader_gone)
		return true;
	if (!self->lingers) {
		shutdown(self->socket, SHUT_WR);
		self->lingers = true;
		self->linger_until_ns = now_ns + LINGER_NS;
	}
	return now_ns >= self->linger_until_ns;
}
