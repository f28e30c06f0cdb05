/* Where clients knock: the socket of an accelerator host, and the lock that makes it the only
 * one. */
#ifndef MAYFLY_ACCELD_LISTENER_H
#define MAYFLY_ACCELD_LISTENER_H

#include "util/error.h"

struct listener {
	const char *socket_path;
	int lock, socket; /* -1: given up */
};

/* Takes the lock "<socket_path>.lock" and listens: from now on clients can connect, and wait. The
 * path is to outlive the listener. -EADDRINUSE where another host has the lock. */
int listener_open(struct listener *listener, const char *socket_path, struct error *error);

/* Writes into the lock file what people want to know of this host; lib/accel_client/host_list.c
 * reads it. Failures are ignored: the host works without. */
void listener_describe(const struct listener *listener, const char *text);

/* Removes the socket, then lets the lock go; does nothing where that is done. Whoever waits at the
 * listener is hung up on when the last process that has it closes it. */
void listener_close(struct listener *listener);

#endif
