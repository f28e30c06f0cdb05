/* The way to the monitor. */
#ifndef MAYFLY_GUEST_ARCH_HYPERCALL_H
#define MAYFLY_GUEST_ARCH_HYPERCALL_H

#include <stdint.h>

#include "mayfly/guest_abi.h"

/* Enters the monitor, which finds what is wanted in the control page. */
static inline void hypercall_enter(void)
{
	/* The page keeps all registers but rax, rcx and r11. */
	uint64_t page = GUEST_HYPERCALL;
	__asm__ volatile("call *%0" : "+a"(page) : : "rcx", "r11", "memory", "cc");
}

/* Saves what a clone needs, and asks the monitor to freeze this machine here. Returns in every
 * clone. */
void machine_freeze(void);

#endif
