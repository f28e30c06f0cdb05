/* The entry points of process_guest: its first instruction, the hypercall page, the way into the guest,
 * and SYSCALL, which arrives as a signal.
 */
/* ── the hypercall page ──────────────────────────────────────────────────────────────────────── */

	.section .hypercall, "ax", @progbits

/* At GUEST_HYPERCALL itself: what guests call. Keeps all registers but rax, rcx and r11. */
	push %rdi
	push %rsi
	push %rdx
	push %r8
	push %r9
	push %r10
	push %rbx
	mov %rsp, %rbx
	and $-16, %rsp
	movabs $process_hypercall, %rax
	call *%rax
	mov %rbx, %rsp
	pop %rbx
	pop %r10
	pop %r9
	pop %r8
	pop %rdx
	pop %rsi
	pop %rdi
	ret

/* long process_system_call(long number, long first, …, long sixth): the only SYSCALL instruction of
 * the helper. Syscall user dispatch lets through those of this page only. */
	.globl process_system_call
	.balign 16
process_system_call:
	mov %rdi, %rax
	mov %rsi, %rdi
	mov %rdx, %rsi
	mov %rcx, %rdx
	mov %r8, %r10
	mov %r9, %r8
	mov 8(%rsp), %r9
	syscall
	ret

/* ── the rest ────────────────────────────────────────────────────────────────────────────────── */

	.text

/* The kernel's stack is unmapped like all else that it mapped. */
	.globl process_begin
process_begin:
	lea process_stack_top(%rip), %rsp
	xor %ebp, %ebp
	call process_main
	ud2

/* _Noreturn void process_enter(uint64_t address): nothing of the helper stays in registers. */
	.globl process_enter
process_enter:
	push %rdi
	push $0x202 /* IF and the bit that is always one */
	popf
	xor %eax, %eax
	xor %ecx, %ecx
	xor %edx, %edx
	xor %ebx, %ebx
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
	ret

/* _Noreturn void process_enter_direct(uint64_t entry, uint64_t stack, uint64_t argument): the same for
 * a guest that brings its stack. */
	.globl process_enter_direct
process_enter_direct:
	mov %rdi, direct_entry(%rip)
	push $0x202
	popf
	mov %rsi, %rsp
	mov %rdx, %rdi
	xor %eax, %eax
	xor %ecx, %ecx
	xor %edx, %edx
	xor %ebx, %ebx
	xor %esi, %esi
	xor %ebp, %ebp
	xor %r8d, %r8d
	xor %r9d, %r9d
	xor %r10d, %r10d
	xor %r11d, %r11d
	xor %r12d, %r12d
	xor %r13d, %r13d
	xor %r14d, %r14d
	xor %r15d, %r15d
	jmp *direct_entry(%rip)

/* The handler of SIGSYS, which syscall user dispatch sends for a SYSCALL of the guest: does what
 * the processor would have done under KVM, rcx = return address, r11 = flags, and on to the library
 * OS. It never returns from the signal (the handler's stack is free again once rsp is elsewhere,
 * the signal is not blocked by its own delivery), so that rt_sigreturn is neither paid for nor
 * permitted. What the kernel reset for the handler is the vector state: it comes back from the
 * frame. Offsets: siginfo_t and struct ucontext of x86-64. */
	.globl process_caught_system_call
process_caught_system_call:
	cmpl $2, 8(%rsi) /* si_code: SYS_USER_DISPATCH */
	jne process_caught_fault
	cmpl $0xc000003e, 28(%rsi) /* si_arch: AUDIT_ARCH_X86_64, not INT 0x80 */
	jne process_caught_fault
	mov %rdx, %rbx
	mov 224(%rbx), %rcx /* fpstate; its sw_reserved names the components that it holds */
	mov 472(%rcx), %eax
	mov 476(%rcx), %edx
	xrstor64 (%rcx)
	mov 40(%rbx), %r8
	mov 48(%rbx), %r9
	mov 56(%rbx), %r10
	mov 72(%rbx), %r12
	mov 80(%rbx), %r13
	mov 88(%rbx), %r14
	mov 96(%rbx), %r15
	mov 104(%rbx), %rdi
	mov 112(%rbx), %rsi
	mov 120(%rbx), %rbp
	mov 168(%rbx), %rcx
	mov 176(%rbx), %r11
	/* Off the signal stack with the last read of the frame: the frame of a tick that comes later
	 * is where this one is. */
	lea 128(%rbx), %rsp
	pop %rbx
	pop %rdx
	pop %rax
	lea 8(%rsp), %rsp
	pop %rsp
	jmp *process_syscall_entry(%rip)

/* _Noreturn void process_return(const ucontext_t *context, uint64_t address): leaves a signal handler
 * without rt_sigreturn, with all registers as they were but rip, which is `address`. The frame for
 * IRETQ is on the signal's stack; the handler's signal is not blocked. */
	.globl process_return
process_return:
	mov %rdi, %rbx
	push $0x202 /* with NT set, which any program can do, IRETQ is a fault */
	popf
	mov 224(%rbx), %rcx
	mov 472(%rcx), %eax
	mov 476(%rcx), %edx
	xrstor64 (%rcx)
	push $0x2b
	push 160(%rbx) /* rsp */
	push 176(%rbx) /* flags */
	push $0x33
	push %rsi
	mov 40(%rbx), %r8
	mov 48(%rbx), %r9
	mov 56(%rbx), %r10
	mov 64(%rbx), %r11
	mov 72(%rbx), %r12
	mov 80(%rbx), %r13
	mov 88(%rbx), %r14
	mov 96(%rbx), %r15
	mov 104(%rbx), %rdi
	mov 112(%rbx), %rsi
	mov 120(%rbx), %rbp
	mov 136(%rbx), %rdx
	mov 144(%rbx), %rax
	mov 152(%rbx), %rcx
	mov 128(%rbx), %rbx
	iretq

	.bss
	.balign 64
direct_entry:
	.skip 64
	.skip 16384
process_stack_top:

	.section .note.GNU-stack, "", @progbits
