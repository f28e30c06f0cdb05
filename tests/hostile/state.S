/* Reads and fills the processor's state; see state.c. */
#include "mayfly/guest_abi.h"

	.set EXTENDED, 0
	.set ENVIRONMENT, 16384
	.set FLAGS, ENVIRONMENT + 32
	.set SELECTORS, FLAGS + 8
	.set BASES, SELECTORS + 48
	.set COMPONENTS, BASES + 16

	.text

/* The program's first instruction, before the C library uses any register. rsp is the new stack. */
	.globl state_entry
state_entry:
	lea state_at_entry(%rip), %rdi
	call read_state
	xor %edx, %edx
	xor %ebp, %ebp
	jmp _start

/* void read_state(struct processor_state *state): keeps what a function must keep. */
	.globl read_state
read_state:
	pushfq
	pop FLAGS(%rdi)
	cld
	mov $-1, %eax
	mov $-1, %edx
	xsave64 EXTENDED(%rdi)
	fnstenv ENVIRONMENT(%rdi)
	fldenv ENVIRONMENT(%rdi)
	xor %eax, %eax
	.irp s, cs, ss, ds, es, fs, gs
	mov %\s, %eax
	mov %rax, SELECTORS(%rdi)
	add $8, %rdi
	.endr
	sub $48, %rdi
	rdfsbase %rax
	mov %rax, BASES(%rdi)
	rdgsbase %rax
	mov %rax, BASES + 8(%rdi)
	xor %ecx, %ecx
	xgetbv
	mov %eax, COMPONENTS(%rdi)
	mov %edx, COMPONENTS + 4(%rdi)
	push %rbx
	mov $0xd, %eax
	mov $1, %ecx
	cpuid
	pop %rbx
	test $4, %al
	jz 1f
	mov $1, %ecx
	xgetbv
	mov %eax, COMPONENTS + 8(%rdi)
	mov %edx, COMPONENTS + 12(%rdi)
1:	ret

/* int try_selector(int segment, uint64_t selector), try_components(void *area, uint64_t components):
 * 1, or 0 where that is a fault. state.c's handler knows where to go on. Of FS and GS the bases stay. */
	.globl try_selector
try_selector:
	rdfsbase %rcx
	rdgsbase %rdx
	lea 2f(%rip), %rax
	lea (%rax, %rdi, 8), %rax
	.globl try_begin
try_begin:
	jmp *%rax
	.balign 8
2:	.irp s, ds, es, fs, gs, ss
	mov %esi, %\s
	jmp 3f
	.balign 8
	.endr
3:	wrfsbase %rcx
	wrgsbase %rdx
	mov $1, %eax
	ret
	.globl try_components
try_components:
	mov %esi, %eax
	mov %rsi, %rdx
	shr $32, %rdx
	xrstor64 (%rdi)
	.globl try_end
try_end:
	mov $1, %eax
	ret
	.globl try_failed
try_failed:
	xor %eax, %eax
	ret

/* void fill_state(const struct filling *filling, void (*end)(void)): loads all of it, and jumps to
 * `end`. Memory at `operand` is used by the last x87 instruction. */
	.globl fill_state
fill_state:
	mov %rsi, %r11
	mov 8(%rdi), %eax
	mov 12(%rdi), %edx
	mov (%rdi), %rcx
	xrstor64 (%rcx)
	fninit
	mov 16(%rdi), %rcx
	fldl (%rcx)
	fstpl 64(%rcx)
	fldl 8(%rcx)
	fldcw 128(%rcx)
	mov 24(%rdi), %rax
	mov %eax, %ds
	mov 32(%rdi), %rax
	mov %eax, %es
	mov 40(%rdi), %rax
	mov %eax, %fs
	mov 48(%rdi), %rax
	mov %eax, %gs
	mov 56(%rdi), %rax
	mov %eax, %ss
	mov 64(%rdi), %rbx
	wrfsbase %rbx
	wrgsbase %rbx
	mov %r11, %rax
	pushfq
	mov 72(%rdi), %rcx
	or %rcx, (%rsp)
	popfq
	.irp r, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15
	mov %rbx, %\r
	.endr
	jmp *%rax

/* The ways to end. What the monitor is to do stands in the control page. */
	.globl end_by_page, end_by_own_out, end_by_string, end_by_shadow, end_by_trap, end_by_invalid
	.globl end_by_privileged, end_by_spinning, end_by_exception, end_by_page_fault, end_by_call
end_by_page:
	movabs $GUEST_HYPERCALL, %rax
	call *%rax
	ud2
end_by_own_out:
	out %eax, $0x10
	ud2
end_by_string:
	lea state_at_entry(%rip), %rsi
	mov $0x10, %edx
	outsl
	ud2
end_by_shadow: /* no trap and no interrupt behind this one */
	mov %ss, %eax
	mov %eax, %ss
	out %eax, $0x10
	ud2
end_by_trap:
	movabs $GUEST_HYPERCALL, %rax
	pushfq
	orq $0x100, (%rsp)
	popfq
	call *%rax
	ud2
end_by_invalid:
	ud2
end_by_privileged:
	hlt
end_by_spinning:
	jmp end_by_spinning
end_by_exception: /* which would strike at the next x87 instruction that looks */
	pushq $0x340
	fninit
	fldcw (%rsp)
	fldz
	fldz
	fdivp
	movabs $GUEST_HYPERCALL, %rax
	call *%rax
	ud2
end_by_page_fault:
	xor %eax, %eax
	mov (%rax), %rax
	ud2
end_by_call:
	mov $231, %eax /* exit_group */
	xor %edi, %edi
	syscall
	ud2

	.section .note.GNU-stack, "", @progbits
