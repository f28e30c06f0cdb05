/* The library OS's entry points: first start, resume in a clone, SYSCALL, and upcalls; and the switch from
 * one thread to another.
 *
 * Each thread has a stack of the library OS of its own, at whose top its registers are while it is
 * in the library OS. The library OS is compiled without vector instructions, so vector registers
 * stay the program's untouched until another thread runs.
 */
#include "mayfly/guest_abi.h"

	.section .libos_header, "a"
	.globl libos_header
libos_header:
	.quad 0x534f42494c594d /* LIBOS_MAGIC */
	.quad GUEST_ABI_VERSION
	.quad libos_vdso
	.quad libos_start
	.quad libos_resume
	.quad libos_syscall_entry
	.quad libos_start_info
	.quad libos_upcall

	.text

/* Whatever an earlier request of this slot left in selectors, x87 and vector registers goes: they get
 * what is at \state, and where that has no component, or this processor has more of them, their first
 * values. All components are named, so that XCR0 decides, which under PVM is the host's. FNINIT comes
 * before, as processors of AMD do not load the pointers of x87 where no exception is pending. Changes
 * rax, rcx and rdx; the bases of FS and GS, which loading a selector may clear, are to be set next. */
	.macro load_state state
	mov $0x2b, %eax
	mov %eax, %ds
	mov %eax, %es
	xor %eax, %eax
	mov %eax, %fs
	mov %eax, %gs
	fninit
	mov $-1, %eax
	mov $-1, %edx
	lea \state(%rip), %rcx
	xrstor64 (%rcx)
	.endm

/* Of struct system_call_frame: what lies between the number and rcx. */
	.macro pop_registers
	pop %rdi
	pop %rsi
	pop %rdx
	pop %r10
	pop %r8
	pop %r9
	pop %rbx
	pop %rbp
	pop %r12
	pop %r13
	pop %r14
	pop %r15
	.endm

/* What a function keeps for its caller (System V ABI). */
	.macro push_callee_saved
	push %rbx
	push %rbp
	push %r12
	push %r13
	push %r14
	push %r15
	.endm
	.macro pop_callee_saved
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %rbp
	pop %rbx
	.endm

/* A fresh machine begins here, in ring 3, registers unspecified. */
	.globl libos_start
libos_start:
	cld
	/* The area says that no component is in use, and has MXCSR's first value. */
	lea frozen_xsave(%rip), %rcx
	movl $0x1f80, 24(%rcx)
	load_state frozen_xsave
	xor %eax, %eax
	wrfsbase %rax
	wrgsbase %rax
	lea libos_stack_top(%rip), %rsp
	xor %ebp, %ebp
	call libos_main
	/* libos_main() left the program's entry and stack in libos_start_info. Linux starts a program
	 * with all registers zero but rsp; rdx is the function to register with atexit: none. */
	lea libos_start_info(%rip), %rax
	mov 8(%rax), %rsp
	mov (%rax), %rcx
	xor %eax, %eax
	xor %ebx, %ebx
	xor %edx, %edx
	xor %esi, %esi
	xor %edi, %edi
	xor %ebp, %ebp
	xor %r8d, %r8d
	xor %r9d, %r9d
	xor %r10d, %r10d
	xor %r11d, %r11d
	xor %r12d, %r12d
	xor %r13d, %r13d
	xor %r14d, %r14d
	xor %r15d, %r15d
	jmp *%rcx

/* SYSCALL comes here: rcx holds the return address, r11 the flags.
 * Hardware enters in ring 0, PVM and process isolation in ring 3 (the facts are in
 * docs/guest-abi.md). Ring 0 leaves at once by SYSRET: from there on the two paths are one. */
	.globl libos_syscall_entry
libos_syscall_entry:
	mov %cs, %r11d
	test $3, %r11b
	jnz 1f
	mov %rcx, hardware_rip(%rip)
	lea 2f(%rip), %rcx
	mov $0x3202, %r11d /* IF, IOPL 3: the ring-3 flags of a guest */
	sysretq
2:	mov hardware_rip(%rip), %rcx
1:	mov %rsp, %r11
	mov current_stack(%rip), %rsp
	cld
	/* struct system_call_frame */
	push $0x2b
	push %r11
	push $0x202
	push $0x33
	push %rcx
	push $0x202
	push %rcx
	push %r15
	push %r14
	push %r13
	push %r12
	push %rbp
	push %rbx
	push %r9
	push %r8
	push %r10
	push %rdx
	push %rsi
	push %rdi
	push %rax
	mov %rsp, %rdi
	call libos_dispatch
	test %al, %al
	jnz libos_return
	pop %rax /* the result */
	pop_registers
	pop %rcx /* the return address */
	mov 32(%rsp), %rsp
	mov $0x202, %r11d /* as SYSRET leaves it: the flags, and no address of the library OS */
	jmp *%rcx

/* The library OS touched memory of the program that has no page yet. Its own stack is in use. */
own_fault:
	lea fault_stack_top(%rip), %rsp
	cld
	sub $160, %rsp
	mov %rsp, %rdi
	call libos_take_own_fault
	jmp libos_return

/* An interrupted program comes here; its registers are in the control page. */
	.globl libos_upcall
libos_upcall:
	movabs $(GUEST_WINDOW_BASE + GUEST_CONTROL_FAULT_RIP), %rax
	movabs $GUEST_UPCALL_LIMIT, %rcx
	mov (%rax), %rax
	cmp %rcx, %rax
	jb 1f
	movabs $GUEST_VDSO_BASE, %rcx
	sub %rcx, %rax
	cmp $GUEST_VDSO_SIZE, %rax
	jae own_fault
1:	mov current_stack(%rip), %rsp
	cld
	sub $160, %rsp /* struct system_call_frame */
	mov %rsp, %rdi
	call libos_take_upcall

/* Goes back to the program with all of its registers, as they stand in the frame at rsp. IRETQ in
 * ring 3 stays there; it is the one instruction that loads rip, rsp and the flags at once. */
	.globl libos_return
libos_return:
	pop %rax
	pop_registers
	pop %rcx
	pop %r11
	push $0x202 /* with NT set, which any program can do, IRETQ is a fault */
	popf
	iretq

/* void thread_state_switch(struct thread_state *from, struct thread_state *to): returns in `to`, where it called
 * this, or where thread_state_copy() said. */
	.globl thread_state_switch
thread_state_switch:
	push_callee_saved
	mov %rsp, (%rdi)
	rdfsbase %rax
	mov %rax, 8(%rdi)
	rdgsbase %rax
	mov %rax, 16(%rdi)
	mov 24(%rdi), %rcx
	mov vector_state_mask(%rip), %eax
	xor %edx, %edx
	xsave64 (%rcx)
	mov 8(%rsi), %rax
	wrfsbase %rax
	mov 16(%rsi), %rax
	wrgsbase %rax
	mov 24(%rsi), %rcx
	mov vector_state_mask(%rip), %eax
	xrstor64 (%rcx)
	mov 32(%rsi), %rax
	mov %rax, current_stack(%rip)
	mov (%rsi), %rsp
	pop_callee_saved
	ret

/* void vector_state_save(void *state), vector_state_load(const void *state) */
	.globl vector_state_save
vector_state_save:
	mov vector_state_mask(%rip), %eax
	xor %edx, %edx
	xsave64 (%rdi)
	ret
	.globl vector_state_load
vector_state_load:
	mov vector_state_mask(%rip), %eax
	xor %edx, %edx
	xrstor64 (%rdi)
	ret

/* void machine_freeze(void): saves what a clone needs, then tells the monitor. The call returns in
 * every clone, by way of libos_resume. */
	.globl machine_freeze
machine_freeze:
	push_callee_saved
	mov %rsp, frozen_rsp(%rip)
	rdfsbase %rax
	mov %rax, frozen_fs_base(%rip)
	rdgsbase %rax
	mov %rax, frozen_gs_base(%rip)
	mov vector_state_mask(%rip), %eax
	xor %edx, %edx
	lea frozen_xsave(%rip), %rcx
	xsave64 (%rcx)
	movabs $GUEST_WINDOW_BASE, %rax
	movq $1, (%rax) /* HYPERCALL_FREEZE */
	movabs $GUEST_HYPERCALL, %rax
	call *%rax
	ud2 /* the monitor resumes clones at libos_resume only */

/* A clone begins here. Whatever an earlier request of this slot left in registers is replaced:
 * selectors, segment bases, vector and x87 state, MXCSR; the general registers below. */
	.globl libos_resume
libos_resume:
	load_state frozen_xsave
	mov frozen_fs_base(%rip), %rax
	wrfsbase %rax
	mov frozen_gs_base(%rip), %rax
	wrgsbase %rax
	mov frozen_rsp(%rip), %rsp
	cld
	xor %eax, %eax
	xor %edx, %edx
	xor %ecx, %ecx
	xor %esi, %esi
	xor %edi, %edi
	xor %r8d, %r8d
	xor %r9d, %r9d
	xor %r10d, %r10d
	xor %r11d, %r11d
	pop_callee_saved
	ret

	.section .bss.stacks, "aw", @nobits
	.balign 4096 /* a system call needs one page of its stack, not parts of two */
libos_stack:
	.skip 32768
	.globl libos_stack_top
libos_stack_top:
	.skip 8192
fault_stack_top:
frozen_xsave: /* saved are x87 to AVX-512 and PKRU, of which all processors so far have 2,696 bytes */
	.skip GUEST_STATE_SIZE

	.bss
	.balign 8
hardware_rip:
	.quad 0
frozen_rsp:
	.quad 0
frozen_fs_base:
	.quad 0
frozen_gs_base:
	.quad 0

	.data
	.balign 8
current_stack: /* where the current thread's stack begins */
	.quad libos_stack_top

	.section .note.GNU-stack, "", @progbits
