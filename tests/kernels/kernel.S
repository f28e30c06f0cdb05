/* Entry and exception stubs of the tests' kernels; see kernel.h. */
	.section .text.entry, "ax"
	.globl kernel_entry
kernel_entry:
	jmp 1f
	.balign 8
	.quad kernel_code_end /* for whoever loads it: offset 8 */
1:	cld
	lea kernel_stack_end(%rip), %rsp
	mov %rsi, %rdi
	call kernel_main
	ud2

	.text
	.globl kernel_stubs
	.balign 16
kernel_stubs:
	.set vector, 0
	.rept 64
	.balign 16
	.if vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21
	.else
	pushq $0
	.endif
	pushq $vector
	jmp common
	.set vector, vector + 1
	.endr

	/* Vectors from 64 on: which one is not told. */
	.globl kernel_stub_other
	.balign 16
kernel_stub_other:
	pushq $0
	pushq $64
common:
	push %rax
	push %rbx
	push %rcx
	push %rdx
	push %rsi
	push %rdi
	push %rbp
	push %r8
	push %r9
	push %r10
	push %r11
	push %r12
	push %r13
	push %r14
	push %r15
	mov %rsp, %rdi
	cld
	mov %rsp, %rbx
	and $-16, %rsp
	call handle_exception
	mov %rbx, %rsp
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %r11
	pop %r10
	pop %r9
	pop %r8
	pop %rbp
	pop %rdi
	pop %rsi
	pop %rdx
	pop %rcx
	pop %rbx
	pop %rax
	add $16, %rsp
	iretq

	.bss
	.balign 4096
	.skip 65536
kernel_stack_end:

	.section .note.GNU-stack, "", @progbits
