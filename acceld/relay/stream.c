/* The bytes of one client of a relay; see stream.h.
 *
 * The socket blocks, but is only asked without waiting, so that every wait is a poll(2) with a limit;
 * except for a plain one that is read without a limit, which is one system call this way.
 */
#include "acceld/relay/stream.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "util/clock.h"
#include "util/file.h"
#include "util/lock.h"

/* A client that reads nothing for so long is hung up on. */
#define WRITE_LIMIT_NS (60 * NANOSECONDS_PER_SECOND)
#define PEEK_MAX       16
#define PIECES_MAX     64 /* of a write, at once */

struct stream {
	int socket;
	const struct stream_layer *kind; /* NULL: none */
	void *layer;
	pthread_mutex_t writing; /* whole pieces stay together */
	uint8_t peeked[PEEK_MAX];
	size_t peeked_from, peeked_to;
};

struct stream *stream_new(int socket)
{
	struct stream *stream = calloc(1, sizeof(*stream));
	if (!stream)
		return NULL;
	stream->socket = socket;
	pthread_mutex_init(&stream->writing, NULL);
	return stream;
}

void stream_delete(struct stream *stream)
{
	if (!stream)
		return;
	if (stream->kind)
		stream->kind->close(stream->layer);
	close(stream->socket);
	pthread_mutex_destroy(&stream->writing);
	free(stream);
}

void stream_break(struct stream *stream)
{
	shutdown(stream->socket, SHUT_RDWR);
}

void stream_set_layer(struct stream *stream, const struct stream_layer *kind, void *layer)
{
	stream->kind = kind;
	stream->layer = layer;
}

int stream_socket(const struct stream *stream)
{
	return stream->socket;
}

bool stream_holds(const struct stream *stream)
{
	return stream->peeked_from < stream->peeked_to ||
	       (stream->kind && stream->kind->holds(stream->layer));
}

static ssize_t receive_now(struct stream *stream, void *bytes, size_t length, bool waits,
			   short *wants)
{
	*wants = POLLIN;
	if (stream->kind)
		return stream->kind->receive(stream->layer, bytes, length, wants);
	ssize_t got = recv(stream->socket, bytes, length, waits ? 0 : MSG_DONTWAIT);
	return got < 0 ? -errno : got;
}

/* Some bytes, at least one; 0 at the end; or a negative errno. */
static ssize_t receive_some(struct stream *stream, void *bytes, size_t length, uint64_t deadline_ns)
{
	for (;;) {
		short wants;
		ssize_t got = receive_now(stream, bytes, length, deadline_ns == UINT64_MAX, &wants);
		if (got == -EINTR)
			continue;
		if (got != -EAGAIN)
			return got;
		int result = file_wait_ready(stream->socket, wants, deadline_ns);
		if (result)
			return result;
	}
}

static uint64_t deadline_of(uint64_t limit_ns)
{
	uint64_t deadline_ns = clock_deadline_after(limit_ns ? clock_now_ns() : 0, limit_ns);
	return deadline_ns ? deadline_ns : UINT64_MAX;
}

int stream_read(struct stream *stream, void *bytes, size_t length, uint64_t limit_ns)
{
	uint8_t *next = bytes;
	size_t held = stream->peeked_to - stream->peeked_from;
	size_t done = held < length ? held : length;
	memcpy(next, stream->peeked + stream->peeked_from, done);
	stream->peeked_from += done;
	const uint64_t deadline_ns = deadline_of(limit_ns);
	while (done < length) {
		ssize_t got = receive_some(stream, next + done, length - done, deadline_ns);
		if (!got)
			return done ? -EPROTO : 0;
		if (got < 0)
			return (int)got;
		done += (size_t)got;
	}
	return 1;
}

int stream_peek(struct stream *stream, void *bytes, size_t length, uint64_t limit_ns)
{
	if (length > PEEK_MAX)
		return -EINVAL;
	size_t held = stream->peeked_to - stream->peeked_from;
	memmove(stream->peeked, stream->peeked + stream->peeked_from, held);
	stream->peeked_from = 0;
	stream->peeked_to = held;
	const uint64_t deadline_ns = deadline_of(limit_ns);
	while (stream->peeked_to < length) {
		ssize_t got = receive_some(stream, stream->peeked + stream->peeked_to,
					   length - stream->peeked_to, deadline_ns);
		if (!got)
			return stream->peeked_to ? -EPROTO : 0;
		if (got < 0)
			return (int)got;
		stream->peeked_to += (size_t)got;
	}
	memcpy(bytes, stream->peeked, length);
	return 1;
}

/* ── writing ─────────────────────────────────────────────────────────────────────────────────── */

/* What is left of pieces that are being written. */
struct rest {
	struct iovec pieces[PIECES_MAX];
	int from, count;
};

static void advance(struct rest *rest, size_t sent)
{
	while (rest->from < rest->count && sent >= rest->pieces[rest->from].iov_len)
		sent -= rest->pieces[rest->from++].iov_len;
	if (!sent)
		return;
	struct iovec *piece = &rest->pieces[rest->from];
	piece->iov_base = (uint8_t *)piece->iov_base + sent;
	piece->iov_len -= sent;
}

static ssize_t send_now(struct stream *stream, struct rest *rest, short *wants)
{
	struct iovec *first = &rest->pieces[rest->from];
	*wants = POLLOUT;
	if (stream->kind)
		return stream->kind->send(stream->layer, first->iov_base, first->iov_len, wants);
	const struct msghdr message = {.msg_iov = first,
				       .msg_iovlen = (size_t)(rest->count - rest->from)};
	ssize_t sent = sendmsg(stream->socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
	return sent < 0 ? -errno : sent;
}

static int send_rest(struct stream *stream, struct rest *rest)
{
	advance(rest, 0);
	while (rest->from < rest->count) {
		short wants;
		ssize_t sent = send_now(stream, rest, &wants);
		if (sent == -EINTR)
			continue;
		if (sent == -EAGAIN) {
			int result =
			    file_wait_ready(stream->socket, wants, clock_now_ns() + WRITE_LIMIT_NS);
			if (result)
				return result;
			continue;
		}
		if (sent < 0)
			return (int)sent;
		advance(rest, (size_t)sent);
	}
	return 0;
}

int stream_write(struct stream *stream, const struct iovec *pieces, int count)
{
	lock_scoped(&stream->writing);
	int result = 0;
	for (int from = 0; from < count && !result; from += PIECES_MAX) {
		struct rest rest = {.count = count - from < PIECES_MAX ? count - from : PIECES_MAX};
		memcpy(rest.pieces, pieces + from, (size_t)rest.count * sizeof(*pieces));
		result = send_rest(stream, &rest);
	}
	return result;
}
