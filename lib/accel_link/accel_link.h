/* A client's end of a connection to an accelerator host: packets of mayfly/wire.h, each with its
 * answer, over a Unix socket (SOCK_SEQPACKET) or a stream.
 *
 * All functions return 0 or a negative errno. -ECONNRESET (the host went away), -ETIMEDOUT (no answer
 * in time) and -EPROTO (an answer of another protocol) have ended the link: everything
 * after that is -ENOTCONN, and accel_link_end() is due. A link is used by one thread at a time, but for
 * accel_link_cancel(). A monitor uses it in its sandbox: it makes only those system calls of sockets that
 * are allowed there.
 */
#ifndef MAYFLY_ACCEL_LINK_H
#define MAYFLY_ACCEL_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "mayfly/wire.h"

/* What lies around the bytes of a stream, TLS say. Both return how many bytes went, at least one, or
 * a negative errno: -EAGAIN where the socket's timeout (SO_RCVTIMEO, SO_SNDTIMEO) has passed; receive()
 * 0 at the end. close() releases it, but not the socket; nothing is under way then. */
struct accel_link_cover {
	ssize_t (*receive)(struct accel_link_cover *cover, void *bytes, size_t length);
	ssize_t (*send)(struct accel_link_cover *cover, const void *bytes, size_t length);
	void (*close)(struct accel_link_cover *cover);
	const char *failure; /* why it ended, in words; NULL: nobody said */
};

struct accel_link {
	int socket;
	bool ended;
	bool is_stream;			/* packets may arrive in pieces */
	struct accel_link_cover *cover; /* NULL: none; the link's */
	uint64_t tag;			/* of the packet sent last */
	uint64_t timeout_ns;		/* the socket's timeouts as they are set now; 0: none */
};

/* A connected, blocking socket, the link's from now on; `cover` too. */
void accel_link_begin(struct accel_link *link, int socket, bool is_stream,
		      struct accel_link_cover *cover);

/* Sends a packet, of which magic, version and tag are filled in, with the descriptor `attached_fd`
 * (-1: none) and, on a stream, with `count` pieces behind it. Waits until `deadline_ns`
 * (CLOCK_MONOTONIC; 0: for ever). */
int accel_link_send(struct accel_link *link, struct wire_packet *packet, int attached_fd,
		    const struct iovec *pieces, int count, uint64_t deadline_ns);

/* Receives the answer to the packet sent last, which has to be of that kind. The answer's status is
 * not looked at. What follows the answer in a stream is read by accel_link_read(). */
int accel_link_receive(struct accel_link *link, uint16_t kind, struct wire_packet *answer,
		       uint64_t deadline_ns);

/* Reads exactly `length` bytes of a stream. */
int accel_link_read(struct accel_link *link, void *bytes, size_t length, uint64_t deadline_ns);

/* Has the host cancel the call with this tag. Another thread may wait in accel_link_receive() for its
 * answer meanwhile, but none may send. */
int accel_link_cancel(struct accel_link *link, uint64_t tag);

/* True where the host has gone while nobody asked it for anything. */
bool accel_link_is_lost(const struct accel_link *link);

/* Closes the socket, at last. Again is fine. */
void accel_link_end(struct accel_link *link);

#endif
