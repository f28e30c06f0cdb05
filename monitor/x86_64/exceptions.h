/* What the processor's exceptions are called, and what Linux makes of them. */
#ifndef MAYFLY_MONITOR_EXCEPTIONS_H
#define MAYFLY_MONITOR_EXCEPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mayfly/guest_abi.h"

/* Beyond the processor's exception numbers, process isolation only: the guest got around the
 * library OS. It made a system call that its process may not make; or it ended its process, or
 * takes no answers to its hypercalls. Of struct guest_fault nothing else is known. */
#define EXCEPTION_FORBIDDEN 32
#define EXCEPTION_ASTRAY    33

/* In words, for messages; those of process isolation beyond the processor's as well. */
const char *exception_name(uint64_t vector);

/* The signal that Linux sends for it. */
int exception_signal(uint64_t vector);

/* True where a fault by it has registers to report. */
bool exception_has_registers(uint64_t vector);

/* How the memory at fault->address was accessed: "reading", "writing" or "executing". NULL where it
 * was none of these that failed. *mapped: there is something that may not be accessed so. */
const char *exception_access(const struct guest_fault *fault, bool *mapped);

/* Writes all registers into `out`, some lines that each begin with a newline; as snprintf(3). */
int exception_describe_registers(char *out, size_t size, const struct guest_fault *fault);

#endif
