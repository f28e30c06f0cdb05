/* What a container's process and the commands say to each other, each a packet of one size
 * (SOCK_SEQPACKET): the commands are root's, and so is the process; no guest gets at a socket.
 *
 *     create, exec    by a socket that the process inherits: step by step, until it is ready
 *     start           by the socket `control` in the container's directory
 */
#ifndef MAYFLY_OCI_CONTAINER_SYNC_H
#define MAYFLY_OCI_CONTAINER_SYNC_H

#include <limits.h>
#include <stdint.h>

#include "util/error.h"

enum sync_step {
	/* from the command */
	SYNC_ENTER = 1, /* it is in its control group: enter the namespaces */
	SYNC_BUILD,	/* hooks of the runtime have run: build the root */
	SYNC_START,	/* `start` */
	/* from the process */
	SYNC_ENTERED,
	SYNC_READY,   /* text: the path of the root */
	SYNC_STARTED, /* the program's machine runs */
	SYNC_FAILED,  /* code, text: why; it ends */
};

struct sync_message {
	uint32_t step; /* enum sync_step */
	int32_t code;  /* a positive errno */
	char text[PATH_MAX];
};

_Static_assert(ERROR_TEXT_MAX <= PATH_MAX, "the text has room for an error's");

/* 0 or a negative errno; -EPIPE where nobody is there. */
int sync_send(int socket, enum sync_step step, const char *text);

/* Tells of an error. */
int sync_fail(int socket, const struct error *error);

/* Waits for the next message, which is to be `step`. For SYNC_FAILED that error. -EPIPE at the end. */
int sync_await(int socket, enum sync_step step, struct sync_message *message, struct error *error);

/* Makes the socket `control` in a directory, for one client at a time. A descriptor or a negative
 * errno. */
int sync_listen(int directory, struct error *error);

/* Connects to it. -ECONNREFUSED, -ENOENT where nobody waits there. */
int sync_connect(int directory);

#endif
