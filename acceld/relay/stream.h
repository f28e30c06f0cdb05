/* The bytes of one client of a relay: a socket, with TLS around it or without.
 *
 * One thread reads, and any number write: stream_write() sends whole pieces, one after the other.
 */
#ifndef MAYFLY_ACCELD_STREAM_H
#define MAYFLY_ACCELD_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

struct stream;

/* A stream around a connected socket, which belongs to it then; NULL where there is no memory. */
struct stream *stream_new(int socket);

/* Hangs up. NULL is fine. */
void stream_delete(struct stream *stream);

/* Breaks the connection off: whoever reads or writes, in any thread, fails. */
void stream_break(struct stream *stream);

/* What stands around a socket (TLS). Each call does what it can without waiting: bytes, 0 at the end,
 * or a negative errno, where -EAGAIN sets *wants to the event of poll(2) that it waits for. */
struct stream_layer {
	ssize_t (*receive)(void *layer, void *bytes, size_t length, short *wants);
	ssize_t (*send)(void *layer, const void *bytes, size_t length, short *wants);
	bool (*holds)(void *layer); /* bytes that the socket does not show any more */
	void (*close)(void *layer);
};

/* Puts one around, before anything is read; it belongs to the stream then. */
void stream_set_layer(struct stream *stream, const struct stream_layer *kind, void *layer);

/* Reads exactly `length` bytes. 1; 0 where the client has hung up before the first of them; or a
 * negative errno: -EPROTO where it hangs up in the middle, -ETIMEDOUT after `limit_ns` without all of
 * them (0: no limit). */
int stream_read(struct stream *stream, void *bytes, size_t length, uint64_t limit_ns);

/* Looks at the first `length` bytes (at most 16) without taking them: the next stream_read() gives
 * them again. Results as of stream_read(). */
int stream_peek(struct stream *stream, void *bytes, size_t length, uint64_t limit_ns);

/* Writes all of it; thread-safe. 0 or a negative errno: the client has gone, or has read nothing for a
 * minute. */
int stream_write(struct stream *stream, const struct iovec *pieces, int count);

/* To be polled for POLLRDHUP: the client's socket. */
int stream_socket(const struct stream *stream);

/* True where there are bytes to be read which polling the socket would not show. */
bool stream_holds(const struct stream *stream);

#endif
