/* The program's registers while it is in the library OS. Every processor's structure begins with
 * the number of the system call and its arguments; only the processor's own folder knows the
 * rest. */
#ifndef MAYFLY_GUEST_ARCH_REGISTERS_H
#define MAYFLY_GUEST_ARCH_REGISTERS_H

#include <stdint.h>

/* In the order in which entry.S pushes them; the last five as IRETQ takes them. */
struct system_call_frame {
	uint64_t number;       /* rax: the call's number, and afterwards its result */
	uint64_t arguments[6]; /* rdi rsi rdx r10 r8 r9 */
	uint64_t rbx, rbp, r12, r13, r14, r15;
	uint64_t rcx, r11;
	uint64_t rip, cs, rflags, rsp, ss;
};
_Static_assert(sizeof(struct system_call_frame) == 160, "entry.S makes room for it");

static inline uint64_t frame_stack_pointer(const struct system_call_frame *frame)
{
	return frame->rsp;
}

#endif
