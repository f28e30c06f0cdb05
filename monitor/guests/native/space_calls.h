/* What guests ask for their address spaces. */
#ifndef MAYFLY_MONITOR_SPACE_CALLS_H
#define MAYFLY_MONITOR_SPACE_CALLS_H

#include <stdint.h>

struct slot;

/* HYPERCALL_SPACE, with these arguments. 0, or a negative errno for the guest. */
int space_call_serve(struct slot *slot, const uint64_t arguments[4]);

#endif
