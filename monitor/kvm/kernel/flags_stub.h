/* Stubs: what stands for instructions on the interrupt flag that became a jump. */
#ifndef MAYFLY_MONITOR_KERNEL_FLAGS_STUB_H
#define MAYFLY_MONITOR_KERNEL_FLAGS_STUB_H

#include <stdbool.h>
#include <stdint.h>

#include "monitor/isolation/kernel.h"

/* Where code ends, and where the next stub begins: guest-physical addresses. */
struct flags_stubs {
	uint8_t *memory;
	uint64_t area;	    /* address of the struct flags_area that they use */
	uint64_t next, end; /* the stubs' room */
};

/* Makes a stub of the instructions at `place`, and a jump to it of their first bytes. Returns how
 * many bytes of code that took; 0, with nothing changed, where it cannot be done: one of them would
 * mean something else at another address, the code ends at `limit`, or there is no room. */
uint64_t flags_stub_make(struct flags_stubs *stubs, uint64_t place, uint64_t limit);

#endif
