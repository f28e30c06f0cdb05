/* The vector state, and the switch from one thread to another; see arch/thread_state.h. */
#include <cpuid.h>
#include <stdbool.h>

#include "arch/registers.h"
#include "arch/thread_state.h"
#include "vectors.h"

/* The state components that freeze and resume save: x87, SSE, AVX, MPX, AVX-512, PKRU. AMX tiles
 * are left out: PVM loses them at exits, so the guest is given none. */
#define XSAVE_COMPONENTS 0x2ffu
uint32_t vector_state_mask;

static inline uint32_t read_xcr0(void)
{
	uint32_t low, high;
	__asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	return low;
}

void thread_state_init(void)
{
	vector_state_mask = read_xcr0() & XSAVE_COMPONENTS;
}

/* Where the state components in `vector_state_mask` end; the processor tells (SDM 1, 13.5). */
uint32_t vector_state_size(void)
{
	static uint32_t size;
	if (size)
		return size;
	size = 576; /* x87, SSE and the header */
	for (uint32_t component = 2; component < 32; component++) {
		uint32_t length, offset, flags, reserved;
		if (!(vector_state_mask & 1U << component))
			continue;
		__cpuid_count(0xd, component, length, offset, flags, reserved);
		if (offset + length > size)
			size = offset + length;
	}
	return size;
}

uint64_t vector_state_components(void)
{
	return vector_state_mask;
}

void thread_state_copy(struct thread_state *state, const struct system_call_frame *registers,
		       uint64_t stack, const uint64_t *thread_pointer)
{
	extern char libos_return[];
	enum { CALLEE_SAVED = 6 };
	struct system_call_frame *frame = (struct system_call_frame *)state->stack_top - 1;
	vector_state_save(state->vector_state);
	__asm__ volatile("rdfsbase %0" : "=r"(state->fs_base));
	__asm__ volatile("rdgsbase %0" : "=r"(state->gs_base));
	if (thread_pointer)
		state->fs_base = *thread_pointer;
	*frame = *registers;
	frame->number = 0;
	if (stack)
		frame->rsp = stack;
	/* Its first turn begins in libos_return, with its registers at its stack's top. */
	uint64_t *next = (uint64_t *)frame;
	*--next = (uint64_t)libos_return;
	for (int i = 0; i < CALLEE_SAVED; i++)
		*--next = 0;
	state->stack_pointer = (uint64_t)next;
}
