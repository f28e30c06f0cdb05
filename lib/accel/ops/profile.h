/* How long ops take, while profiling is enabled: what a user of vAccel finds at the end of the log. */
#ifndef MAYFLY_ACCEL_OPS_PROFILE_H
#define MAYFLY_ACCEL_OPS_PROFILE_H

#include <stdint.h>

/* Counts a call of the op that took so many nanoseconds. Thread-safe. */
void op_profile_add(uint16_t op, uint64_t nanoseconds);

/* Writes a line at info level for each region that was entered, and begins anew. */
void op_profile_print(void);

#endif
