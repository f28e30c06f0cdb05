/* Reaching the accelerator host, and starting it on demand. */
#ifndef MAYFLY_ACCEL_START_H
#define MAYFLY_ACCEL_START_H

#include <stdint.h>

#include "util/error.h"

/* Connects to the accelerator host that listens at `path`. `deadline_ns` is of CLOCK_MONOTONIC. */
int accel_connect(const char *path, uint64_t deadline_ns, int *socket, struct error *error);

/* Runs `mayfly-acceld`, which detaches itself and returns when it serves, or when another one does
 * already. `deadline_ns` is of CLOCK_MONOTONIC. On failure `error` is what it said. */
int accel_start(uint64_t deadline_ns, struct error *error);

#endif
