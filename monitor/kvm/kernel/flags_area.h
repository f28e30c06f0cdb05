/* What stands in the guest's memory for its virtual interrupt flag (flags.h): the layout that the
 * stubs' code depends on. The guest can write all of it. */
#ifndef MAYFLY_MONITOR_KERNEL_FLAGS_AREA_H
#define MAYFLY_MONITOR_KERNEL_FLAGS_AREA_H

#include <stddef.h>
#include <stdint.h>

/* An INT3 that stands for another instruction. */
struct flags_site {
	uint32_t address;
	uint8_t instruction; /* enum kernel_flags_instruction */
	uint8_t length;	     /* of the instruction that was there */
	uint8_t size;	     /* bytes that it pushes or pops; of CPUID: 0 */
	uint8_t unused;
};

#define FLAGS_SITES_MAX 504

struct flags_area {
	uint32_t interrupt; /* KERNEL_FLAGS_INTERRUPT or 0 */
	uint32_t others;    /* the other bits of KERNEL_FLAGS_VIRTUAL */
	uint32_t pending;   /* not 0: an interrupt waits */
	uint32_t site_count;
	uint8_t unused[48];
	struct flags_site sites[FLAGS_SITES_MAX]; /* in the order of their addresses */
};
_Static_assert(sizeof(struct flags_area) == 4096, "stubs follow on a page of their own");

/* From the area's beginning. */
#define FLAGS_STUBS_OFFSET sizeof(struct flags_area)

/* Code and stubs lie below this, so that each reaches the other by a jump, and stubs the area by an
 * address of 32 bits. */
#define FLAGS_CODE_LIMIT (1UL << 31)

#endif
