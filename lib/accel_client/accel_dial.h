/* Connecting to this user's accelerator host without waiting, for event loops. */
#ifndef MAYFLY_ACCEL_DIAL_H
#define MAYFLY_ACCEL_DIAL_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "accel_client/accel_start.h"
#include "util/error.h"

struct accel_dial {
	uint64_t deadline_ns;
	uint64_t moment_ns;	  /* when to look again at the latest */
	struct accel_start start; /* of the host, where none listens */
	bool given;		  /* its socket: it is not ours to start */
	bool started;	     /* a host was started: it, or a rival of it, is the next to listen */
	char path[PATH_MAX]; /* of its socket */
};

/* Begins. `path`: the socket of a host that serves already, and is not started; NULL: this user's own.
 * `deadline_ns` is of CLOCK_MONOTONIC. */
int accel_dial_begin(struct accel_dial *dial, const char *path, uint64_t deadline_ns,
		     struct error *error);

/* Goes on as far as it can: 0 with a connected socket, which blocks and is the caller's;
 * -EINPROGRESS: look again when the descriptor can be read, or at the moment; or what it failed
 * with. */
int accel_dial_look(struct accel_dial *dial, int *socket, struct error *error);

/* -1: there is nothing to poll now. Another one after each look. */
int accel_dial_descriptor(const struct accel_dial *dial);
uint64_t accel_dial_moment(const struct accel_dial *dial);

/* In any case, at last. */
void accel_dial_end(struct accel_dial *dial);

#endif
