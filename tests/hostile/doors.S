/* The ways out of the attacker's C; see attacker.h. */
#include "mayfly/guest_abi.h"

	.text

/* uint64_t call_anywhere(uint64_t address, uint64_t first, uint64_t second, uint64_t third) */
	.globl call_anywhere
call_anywhere:
	push %rbx
	push %rbp
	push %r12
	push %r13
	push %r14
	push %r15
	mov %rdi, %rax
	mov %rsi, %rdi
	mov %rdx, %rsi
	mov %rcx, %rdx
	call *%rax
	cld
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %rbp
	pop %rbx
	ret

/* long host_call_at(uint64_t syscall_instruction, long number, long first, long second, long third):
 * the instruction is followed by RET. */
	.globl host_call_at
host_call_at:
	push %rbx
	mov %rdi, %rbx
	mov %rsi, %rax
	mov %rdx, %rdi
	mov %rcx, %rsi
	mov %r8, %rdx
	xor %r10d, %r10d
	xor %r8d, %r8d
	xor %r9d, %r9d
	call *%rbx
	pop %rbx
	ret

/* void system_call_with(const uint64_t registers[7], uint64_t stack): SYSCALL with rax, rdi, rsi, rdx,
 * r10, r8, r9 and rsp as given; comes back where the library OS does. */
	.globl system_call_with
system_call_with:
	push %rbx
	push %rbp
	push %r12
	push %r13
	push %r14
	push %r15
	mov %rsp, saved_stack(%rip)
	mov %rdi, %r11
	mov %rsi, %rsp
	mov (%r11), %rax
	mov 8(%r11), %rdi
	mov 16(%r11), %rsi
	mov 24(%r11), %rdx
	mov 32(%r11), %r10
	mov 40(%r11), %r8
	mov 48(%r11), %r9
	mov %rax, %rbx
	mov %rax, %rbp
	mov %rax, %r12
	mov %rax, %r13
	mov %rax, %r14
	mov %rax, %r15
	syscall
	mov saved_stack(%rip), %rsp
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %rbp
	pop %rbx
	ret

/* mov $1, %eax; int $0x80; ud2 */
	.globl code_of_32_bits
code_of_32_bits:
	.byte 0xb8, 1, 0, 0, 0, 0xcd, 0x80, 0x0f, 0x0b

	.bss
	.balign 8
saved_stack:
	.quad 0

	.section .note.GNU-stack, "", @progbits
