/* A connection to the accelerator host: one for each window.
 *
 * Every function returns 0 or a negative errno and a sentence in `error`. A client is used by one
 * thread at a time; any number of clients may be used at once.
 */
#ifndef MAYFLY_ACCEL_CLIENT_H
#define MAYFLY_ACCEL_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "util/error.h"

struct accel_client;

/* Where a connection comes from. A process that has given up the rights to connect and to start
 * programs asks another one for it. */
struct accel_dialer {
	/* Connects to this user's accelerator host, which is started where none runs, until
	 * `deadline_ns` (CLOCK_MONOTONIC). The socket becomes the caller's. */
	int (*dial)(void *context, uint64_t deadline_ns, int *socket, struct error *error);
	void *context;
};

/* Does it itself; its context is NULL. */
int accel_client_connect(void *context, uint64_t deadline_ns, int *socket, struct error *error);
extern const struct accel_dialer accel_dialer_own;

/* Connects to this user's accelerator host and lends it the window: a memfd of `window_size` bytes
 * that is sealed with F_SEAL_SHRINK; the descriptor stays the caller's. Takes until `latest_ns`
 * (CLOCK_MONOTONIC; 0: no matter), and at most ten seconds: -ETIMEDOUT. */
int accel_client_open(struct accel_client **client, const struct accel_dialer *dialer,
		      int window_fd, uint64_t window_size, uint64_t latest_ns, struct error *error);

/* As accel_client_open() at the socket `path`; never starts a host. */
int accel_client_open_at(struct accel_client **client, const char *path, int window_fd,
			 uint64_t window_size, struct error *error);

/* Has the message at [offset, offset + length) of the window served, and waits for it until
 * `deadline_ns` (CLOCK_MONOTONIC; 0: for ever). 0 where it was served: the op's own result is in
 * the message. -EBADMSG: it is no sound message, nothing was run. -ETIMEDOUT and -ECONNRESET (the
 * host went away) end the connection: further calls fail with -ENOTCONN, and the host drops all
 * that it held for this client; open a new one. */
int accel_client_call(struct accel_client *client, uint64_t offset, uint64_t length,
		      uint64_t deadline_ns, struct error *error);

/* Marks what the host holds for this client now: accel_client_reset() comes back to it. Waits as
 * long as accel_client_open() does; a failure ends the connection. */
int accel_client_mark(struct accel_client *client, uint64_t latest_ns, struct error *error);

/* Drops what was opened since the mark and brings back what was released since; with no mark, drops
 * everything. Does not wait, and costs nothing where the host said with its last answer that there
 * is nothing to do. */
int accel_client_reset(struct accel_client *client, struct error *error);

/* Whether the host has gone while nobody asked it for anything. */
bool accel_client_is_lost(const struct accel_client *client);

/* Ends the connection, and all that the host holds for it. NULL is fine. */
void accel_client_close(struct accel_client *client);

#endif
