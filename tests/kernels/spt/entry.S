/* Where the guest begins: keeps the registers as it finds them, in the order of register_names in
 * guest.c. RDI has the boot info. */
	.text
	.globl guest_begin
guest_begin:
	mov %rax, registers+0(%rip)
	mov %rbx, registers+8(%rip)
	mov %rcx, registers+16(%rip)
	mov %rdx, registers+24(%rip)
	mov %rsi, registers+32(%rip)
	mov %rbp, registers+40(%rip)
	mov %r8, registers+48(%rip)
	mov %r9, registers+56(%rip)
	mov %r10, registers+64(%rip)
	mov %r11, registers+72(%rip)
	mov %r12, registers+80(%rip)
	mov %r13, registers+88(%rip)
	mov %r14, registers+96(%rip)
	mov %r15, registers+104(%rip)
	mov %rsp, first_stack(%rip)
	jmp guest_main

/* long system_call(long number, long first, …, long sixth) */
	.globl system_call
system_call:
	mov %rdi, %rax
	mov %rsi, %rdi
	mov %rdx, %rsi
	mov %rcx, %rdx
	mov %r8, %r10
	mov %r9, %r8
	mov 8(%rsp), %r9
	syscall
	ret

	.bss
	.globl registers, first_stack
	.balign 8
registers:
	.skip 112
first_stack:
	.skip 8

	.section .note.GNU-stack, "", @progbits
