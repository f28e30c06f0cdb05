/* How the vDSO makes a system call. */
#ifndef MAYFLY_GUEST_ARCH_VDSO_H
#define MAYFLY_GUEST_ARCH_VDSO_H

#include <stdint.h>

#include "mayfly/guest_abi.h"

/* As SYSCALL would enter, but the library OS is only a jump away. The instruction stands there for
 * the handler of a signal that finds the program at a call which will be made again. */
static inline int64_t vdso_system_call(uint64_t number, uint64_t first, uint64_t second)
{
	int64_t result;
	__asm__ volatile("lea 1f(%%rip), %%rcx\n"
			 "jmp *%4\n"
			 "syscall\n"
			 "1:"
			 : "=a"(result)
			 : "0"(number), "D"(first), "S"(second),
			   "m"(*(const uint64_t *)GUEST_SYSCALL_ENTRY)
			 : "rcx", "r11", "memory");
	return result;
}

#endif
