/* Reaching the accelerator host, and starting it on demand. */
#ifndef MAYFLY_ACCEL_START_H
#define MAYFLY_ACCEL_START_H

#include <stdbool.h>
#include <stdint.h>

#include "util/error.h"
#include "util/spawn.h"

/* Between attempts to connect, in ns. */
#define ACCEL_RETRY_PAUSE_NS (20 * 1000000L)

/* Connects to the accelerator host that listens at `path`. `deadline_ns` is of CLOCK_MONOTONIC. */
int accel_connect(const char *path, uint64_t deadline_ns, int *socket, struct error *error);

/* True for errors of connecting that mean that nobody listens, or that the host is about to end: a
 * new host is needed. */
bool accel_host_is_missing(int result);

/* Waits for ACCEL_RETRY_PAUSE_NS. */
void accel_start_pause(void);

#define ACCELD_PART "acceld/mayfly-acceld" /* for paths_part() */

/* A start that is under way. */
struct accel_start {
	struct spawn_process host;
	int reader; /* what it says */
};

#define ACCEL_START_NONE ((struct accel_start){.host = {.pidfd = -1}, .reader = -1})

/* Starts `mayfly-acceld`, which detaches itself and ends when it serves, or when another one does
 * already: start->host.pidfd can be polled for that. */
int accel_start_begin(struct accel_start *start, struct error *error);

/* Does not wait. -EINPROGRESS while it starts; else the start is over: 0, or what it said when it
 * failed. Past the deadline (CLOCK_MONOTONIC) it has failed. */
int accel_start_look(struct accel_start *start, uint64_t deadline_ns, struct error *error);

/* Gives up a start, or does nothing where none is under way. */
void accel_start_end(struct accel_start *start);

#endif
