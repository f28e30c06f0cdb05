/* What a processor keeps of a thread that does not run. */
#ifndef MAYFLY_GUEST_ARCH_THREAD_STATE_H
#define MAYFLY_GUEST_ARCH_THREAD_STATE_H

#include <stdint.h>

#include "registers.h"

/* Bytes for the vector state: x87 to AVX-512 and PKRU take 2,696 so far. */
#define VECTOR_STATE_MAX 4096

/* entry.S knows all but the last members by their offsets. */
struct thread_state {
	uint64_t stack_pointer; /* on the thread's stack in the library OS */
	uint64_t fs_base, gs_base;
	void *vector_state; /* aligned to 64 bytes, VECTOR_STATE_MAX long */
	uint64_t stack_top; /* of that stack; the program's registers lie just below it */

	/* The last exception that the thread had a handler for: vector, error code, CR2. */
	uint64_t fault_vector, fault_error, fault_address;
};

/* Where the first thread's stack ends. */
extern char libos_stack_top[];

/* Finds out which vector state there is; once, before the program starts. */
void thread_state_init(void);

/* Makes the current thread's state that of a new one, which has its stack and its memory for
 * vector state already. `registers` are the current thread's; the new one sees the result 0, the
 * stack pointer `stack` (0: the same one), and the thread pointer `*thread_pointer` (NULL: the
 * same one). */
void thread_state_copy(struct thread_state *state, const struct system_call_frame *registers,
		       uint64_t stack, const uint64_t *thread_pointer);

/* Makes the state that of a thread which begins a program: all its registers are fresh. Those at the
 * stack's top may be the current thread's. */
void thread_state_start(struct thread_state *state, uint64_t entry, uint64_t stack);

/* A thread that does not run goes to the program with its next turn, with the registers at its
 * stack's top. */
void thread_state_begin_in_program(struct thread_state *state);

/* A thread that would begin in the program calls the function instead, which does not return. Others
 * go on where they are. */
void thread_state_divert(struct thread_state *state, void (*function)(void));

/* The current thread, whose state that is, gives up what it does: it calls the function, which does
 * not return, on an empty stack. */
__attribute__((noreturn)) void thread_state_abandon(const struct thread_state *state,
						    void (*function)(void));

/* Loads what of the current thread's state is in registers while it is in the library OS. */
void thread_state_load(const struct thread_state *state);

/* Runs `to`; returns when `from` runs again. */
void thread_state_switch(struct thread_state *from, struct thread_state *to);

#endif
