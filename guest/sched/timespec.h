/* Times that system calls take from the program, or give to it. */
#ifndef MAYFLY_GUEST_TIMESPEC_H
#define MAYFLY_GUEST_TIMESPEC_H

#include <stdint.h>

/* Reads a struct timespec of the program. 0, -EFAULT, or -EINVAL for what is no time. */
int timespec_read(uint64_t address, uint64_t *nanoseconds);

/* Writes one. 0 or -EFAULT. */
int timespec_report(uint64_t address, uint64_t nanoseconds);

#endif
