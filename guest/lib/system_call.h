/* How a system call is written:
 *
 *     SYSTEM_CALL(getpid)
 *     {
 *             return process_id();
 *     }
 *
 * It has the six argument registers in `arguments`, and returns what the program finds in the
 * register of results: a value, or a negative errno. include/mayfly/calls.def lists all of them,
 * and kernel/dispatch.c makes its table of that list. */
#ifndef MAYFLY_GUEST_SYSTEM_CALL_H
#define MAYFLY_GUEST_SYSTEM_CALL_H

#include <stdint.h>

typedef int64_t system_call_function(const uint64_t arguments[6]);

#define SYSTEM_CALL(name)                                                                          \
	int64_t call_##name(const uint64_t arguments[6]);                                          \
	int64_t call_##name(const uint64_t arguments[6])

#endif
