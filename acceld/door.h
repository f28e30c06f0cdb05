/* Where clients knock: the socket of an accelerator host, and the lock that makes it the only one.
 */
#ifndef MAYFLY_ACCELD_DOOR_H
#define MAYFLY_ACCELD_DOOR_H

#include "util/error.h"

struct door {
	const char *socket_path;
	int lock, listener; /* -1: given up */
};

/* Takes the lock "<socket_path>.lock" and listens: from now on clients can connect, and wait. The
 * path is to outlive the door. -EADDRINUSE where another host has the lock. */
int door_open(struct door *door, const char *socket_path, struct error *error);

/* Removes the socket, then lets the lock go; does nothing where that is done. Whoever waits at the
 * listener is hung up on when the last process that has it closes it. */
void door_close(struct door *door);

#endif
