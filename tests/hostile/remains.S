/* Registers of a request: filled with a pattern at its end, read at the beginning of the next. */
#include "mayfly/guest_abi.h"

	.text

/* void fill_registers(uint64_t pattern, void (*end)(void), int has_avx512): fills whatever ring 3 can
 * write and jumps to `end`, by which time only rax and rsp have values of their own. */
	.globl fill_registers
fill_registers:
	mov %rsi, %rax
	sub $64, %rsp
	movl $0x9fc0, (%rsp) /* flush to zero, round down, denormals are zeros */
	ldmxcsr (%rsp)
	movq %rdi, %mm0
	movq %mm0, %mm1
	movq %mm0, %mm2
	movq %mm0, %mm3
	movq %mm0, %mm4
	movq %mm0, %mm5
	movq %mm0, %mm6
	movq %mm0, %mm7
	movw $0x27f, (%rsp)
	fldcw (%rsp)
	vmovq %rdi, %xmm0
	vpbroadcastq %xmm0, %ymm0
	.irp n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	vmovdqa %ymm0, %ymm\n
	.endr
	test %edx, %edx
	jz 1f
	vpbroadcastq %xmm0, %zmm0
	.irp n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	vmovdqa64 %zmm0, %zmm\n
	.endr
	.irp n, 0, 1, 2, 3, 4, 5, 6, 7
	kmovq %rdi, %k\n
	.endr
1:	wrfsbase %rdi
	wrgsbase %rdi
	.irp r, rbx, rcx, rdx, rsi, rbp, r8, r9, r10, r11, r12, r13, r14, r15
	mov %rdi, %\r
	.endr
	jmp *%rax

	.globl end_by_exit
end_by_exit:
	movabs $GUEST_HYPERCALL, %rax
	call *%rax
	.globl end_by_crash
end_by_crash:
	ud2
	.globl end_by_deadline
end_by_deadline:
	jmp end_by_deadline

/* void read_registers(uint64_t *words, int has_avx512): zmm0 to zmm31 and k0 to k7, as far as there
 * are any (the others: zero), FS and GS base, and what FXSAVE has. */
	.globl read_registers
read_registers:
	test %esi, %esi
	jz 1f
	.irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	vmovdqu64 %zmm\n, \n * 64(%rdi)
	.endr
	.irp n, 0, 1, 2, 3, 4, 5, 6, 7
	kmovq %k\n, 2048 + \n * 8(%rdi)
	.endr
	jmp 2f
1:	.irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	vmovdqu %ymm\n, \n * 64(%rdi)
	.endr
2:	rdfsbase %rax
	mov %rax, 2112(%rdi)
	rdgsbase %rax
	mov %rax, 2120(%rdi)
	fxsave64 2176(%rdi)
	ret

/* A page of code that nobody calls. */
	.text
	.globl code_room
	.balign 4096
code_room:
	.skip 4096, 0xcc

	.section .note.GNU-stack, "", @progbits
