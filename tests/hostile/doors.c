/* Hypercalls and host system calls past the library OS; see attacker.h. */
#include "attacker.h"

#include <stddef.h>

long host_call_at(uint64_t syscall_instruction, long number, long first, long second, long third);

int64_t hypercall(uint64_t number, uint64_t first, uint64_t second, uint64_t third)
{
	control()->arguments[0] = first;
	control()->arguments[1] = second;
	control()->arguments[2] = third;
	control()->hypercall = number;
	call_anywhere(GUEST_HYPERCALL, 0, 0, 0);
	return control()->result;
}

/* Where the hypercall page has SYSCALL and RET, or 0. */
static uint64_t find_syscall(void)
{
	const volatile uint8_t *page = (const volatile uint8_t *)GUEST_HYPERCALL;
	for (size_t i = 0; i + 2 < GUEST_PAGE_SIZE; i++)
		if (page[i] == 0x0f && page[i + 1] == 0x05 && page[i + 2] == 0xc3)
			return GUEST_HYPERCALL + i;
	return 0;
}

int host_call(struct host_call *call)
{
	uint64_t place = find_syscall();
	if (!place)
		return 0;
	call->result = host_call_at(place, call->number, call->first, call->second, call->third);
	return 1;
}
