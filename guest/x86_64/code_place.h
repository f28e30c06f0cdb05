/* Places in stubs, and in the code that they stand for. */
#ifndef MAYFLY_GUEST_CODE_PLACE_H
#define MAYFLY_GUEST_CODE_PLACE_H

#include <stdint.h>

/* The registers that tell where a program is, and those that SYSCALL overwrites. */
struct code_place {
	uint64_t rip, rcx, r11;
	uint64_t rflags;
};

/* Makes of them what they would be on Linux. */
void code_show_place(struct code_place *place);

/* The address of the SYSCALL instruction of a call that returns to `rip`: whoever goes on there
 * makes the call again. */
uint64_t code_call_before(uint64_t rip);

/* Where to go on for a program that wants to at `rip`, which may be a place that
 * code_show_place() told. */
uint64_t code_resume_place(uint64_t rip);

#endif
