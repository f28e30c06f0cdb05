/* The vector state, and the switch from one thread to another; see arch/thread_state.h. */
#include <cpuid.h>
#include <stdbool.h>

#include "arch/registers.h"
#include "arch/thread_state.h"
#include "guest/lib/text.h"
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

/* The vector state says that no component is in use, and has MXCSR's first value. */
void thread_state_start(struct thread_state *state, uint64_t entry, uint64_t stack)
{
	const uint32_t first_mxcsr = 0x1f80;
	struct system_call_frame *frame = (struct system_call_frame *)state->stack_top - 1;
	*frame = (struct system_call_frame){
	    .rip = entry,
	    .cs = 0x33,
	    .rflags = 0x202,
	    .rsp = stack,
	    .ss = 0x2b,
	};
	memset(state->vector_state, 0, VECTOR_STATE_MAX);
	memcpy((char *)state->vector_state + 24, &first_mxcsr, sizeof(first_mxcsr));
	state->fs_base = state->gs_base = 0;
	state->fault_vector = state->fault_error = state->fault_address = 0;
}

void thread_state_load(const struct thread_state *state)
{
	vector_state_load(state->vector_state);
	__asm__ volatile("wrfsbase %0" : : "r"(state->fs_base));
	__asm__ volatile("wrgsbase %0" : : "r"(state->gs_base));
}

/* What thread_state_switch() finds there first: registers, and where it returns to. */
#define BEGINNING_WORDS 7

static uint64_t *beginning(const struct thread_state *state)
{
	return (uint64_t *)((struct system_call_frame *)state->stack_top - 1) - BEGINNING_WORDS;
}

void thread_state_begin_in_program(struct thread_state *state)
{
	extern char libos_return[];
	uint64_t *words = beginning(state);
	memset(words, 0, BEGINNING_WORDS * sizeof(*words));
	words[BEGINNING_WORDS - 1] = (uint64_t)libos_return;
	state->stack_pointer = (uint64_t)words;
}

void thread_state_divert(struct thread_state *state, void (*function)(void))
{
	uint64_t *words = beginning(state);
	if (state->stack_pointer == (uint64_t)words)
		words[BEGINNING_WORDS - 1] = (uint64_t)function;
}

void thread_state_abandon(const struct thread_state *state, void (*function)(void))
{
	__asm__ volatile("mov %0, %%rsp\n"
			 "call *%1\n"
			 "ud2"
			 :
			 : "r"(state->stack_top), "r"(function)
			 : "memory");
	__builtin_unreachable();
}

void thread_state_copy(struct thread_state *state, const struct system_call_frame *registers,
		       uint64_t stack, const uint64_t *thread_pointer)
{
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
	thread_state_begin_in_program(state);
}
