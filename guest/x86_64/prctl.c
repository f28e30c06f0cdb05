/* System calls on the thread pointers of x86-64. */
#include <asm/prctl.h>
#include <errno.h>

#include "guest/lib/system_call.h"
#include "guest/mm/ranges.h"
#include "guest/mm/user_memory.h"

static int64_t set_base(uint64_t which, uint64_t base)
{
	if (base >= GUEST_USER_END)
		return -EPERM;
	if (which == ARCH_SET_FS)
		__asm__ volatile("wrfsbase %0" : : "r"(base));
	else
		__asm__ volatile("wrgsbase %0" : : "r"(base));
	return 0;
}

static int64_t report_base(uint64_t which, uint64_t address)
{
	uint64_t base;
	if (which == ARCH_GET_FS)
		__asm__ volatile("rdfsbase %0" : "=r"(base));
	else
		__asm__ volatile("rdgsbase %0" : "=r"(base));
	return user_copy_out(address, &base, sizeof(base));
}

SYSTEM_CALL(arch_prctl)
{
	switch (arguments[0]) {
	case ARCH_SET_FS:
	case ARCH_SET_GS:
		return set_base(arguments[0], arguments[1]);
	case ARCH_GET_FS:
	case ARCH_GET_GS:
		return report_base(arguments[0], arguments[1]);
	default:
		return -EINVAL;
	}
}
