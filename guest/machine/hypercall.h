/* What library OS and monitor share: what was told at the start, the control page, hypercalls. */
#ifndef MAYFLY_GUEST_HYPERCALL_H
#define MAYFLY_GUEST_HYPERCALL_H

#include <stdint.h>

#include "mayfly/guest_abi.h"

extern struct guest_start libos_start_info;

static inline volatile struct guest_control *machine_control(void)
{
	return (volatile struct guest_control *)GUEST_WINDOW_BASE;
}

/* Makes a hypercall and returns its result. Others use machine_hypercall(), which knows what it
 * means for the clock. */
int64_t hypercall_make(enum guest_hypercall call, uint64_t first, uint64_t second, uint64_t third);

#endif
