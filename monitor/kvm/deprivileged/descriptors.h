/* The descriptors of a deprivileged kernel (SDM 3A, 3.4.5). */
#ifndef MAYFLY_MONITOR_DEPRIVILEGED_DESCRIPTORS_H
#define MAYFLY_MONITOR_DEPRIVILEGED_DESCRIPTORS_H

#include "virtual_cpu.h"

#define SELECTOR_INDEX 0xfff8UL
#define SELECTOR_LOCAL 4U
#define SELECTOR_LEVEL 3U

#define DESCRIPTOR_TYPE(descriptor) ((descriptor) >> 40 & 31) /* with S */
#define DESCRIPTOR_CODE		    0x18UL
#define DESCRIPTOR_DATA		    0x10UL
#define DESCRIPTOR_CONFORMING	    0x4UL
#define DESCRIPTOR_READABLE	    0x2UL
#define DESCRIPTOR_TSS		    0x9UL
#define DESCRIPTOR_BUSY		    (1UL << 41)
#define DESCRIPTOR_LEVEL	    (3UL << 45)
#define DESCRIPTOR_PRESENT	    (1UL << 47)
#define DESCRIPTOR_LONG		    (1UL << 53)

enum code_kind {
	CODE_FAULTS,
	CODE_LONG,  /* 64-bit code of ring 0 */
	CODE_SHORT, /* code of ring 0, but not of 64 bits */
};

/* Why a machine stops at code that is not of 64 bits. */
extern const char descriptors_short_code[];

/* The exception of a selector that cannot be used. */
struct exception descriptors_fault(uint64_t selector);

/* The first half of a descriptor in the GDT; there are no LDTs here. */
bool descriptors_read(struct kernel *kernel, uint64_t selector, uint64_t *descriptor,
		      struct exception *fault);

/* What code a selector stands for; *fault is set unless that is CODE_LONG. */
enum code_kind descriptors_find_code(struct kernel *kernel, uint64_t selector,
				     struct exception *fault);

#endif
