/* Code that an attack copies to where more than one address space has it; see spaces.c. */
#include "mayfly/guest_abi.h"

#define CONTROL_ARGUMENTS 8 /* offset in struct guest_control */

	.section .rodata

/* void within_space(uint64_t number, uint64_t address, uint64_t stack): switches to that space, writes to
 * `address` there, where that is not 0, and switches back. Meanwhile its stack is at `stack`. */
	.globl within_space, within_space_end
	.balign 16
within_space:
	push %rbx
	push %rbp
	push %r12
	push %r13
	mov %rsp, %rbp
	mov %rdx, %rsp
	mov %rsi, %r12
	movabs $GUEST_WINDOW_BASE, %rbx
	call 2f
	test %r12, %r12
	jz 1f
	movb $0xc3, (%r12)
1:	xor %edi, %edi
	call 2f
	mov %rbp, %rsp
	pop %r13
	pop %r12
	pop %rbp
	pop %rbx
	ret

2:	movq $19, (%rbx) /* HYPERCALL_SPACE */
	movq $2, CONTROL_ARGUMENTS(%rbx) /* GUEST_SPACE_SWITCH */
	mov %rdi, CONTROL_ARGUMENTS + 8(%rbx)
	movabs $GUEST_HYPERCALL, %rax
	jmp *%rax
within_space_end:

	.section .note.GNU-stack, "", @progbits
