/* Pieces of a kernel's code that ask and set the interrupt flag, for test_flags.c. Each is a
 * function with an argument in RDI and a result in RAX, and has no addresses of its own in it. */
	.macro piece name
	.globl flags_\name, flags_\name\()_end
	.balign 16
flags_\name:
	.endm
	.macro end name
flags_\name\()_end:
	.endm

	.section .rodata

piece sti
	sti
	mov %rdi, %rdx
	nop
	pushfq
	pop %rax
	and $0x200, %eax
	ret
end sti

piece cli
	cli
	mov %rdi, %rdx
	nop
	pushfq
	pop %rax
	and $0x200, %eax
	ret
end cli

piece popf /* all that POPF sets and PUSHF shows */
	push %rdi
	popfq
	mov %rdi, %rcx
	mov %rdi, %rdx
	pushfq
	pop %rax
	mov %rax, %rcx
	cld
	ret
end popf

piece popf_at_jumps /* the same where nothing can be moved */
	push %rdi
	popfq
	jmp 1f
1:	pushfq
	jmp 1f
1:	pop %rax
	cld
	ret
end popf_at_jumps

piece entered /* somebody jumps behind the CLI */
	test %rdi, %rdi
	jne 1f
	pushfq
1:	mov $5, %eax
	ret
end entered

piece relative /* an address is the same wherever it is asked for */
	pushfq
	lea 1f(%rip), %rcx
	pop %rax
1:	lea 1b(%rip), %rdx
	sub %rcx, %rdx
	and $0x200, %eax
	add %rdx, %rax
	ret
end relative

piece leaving
	sti
	jmp 1f
	int3
	int3
1:	pushfq
	pop %rax
	and $0x200, %eax
	ret
end leaving

piece vga /* ports that nobody has; flags stay */
	mov $0x3d4, %edx
	xor %eax, %eax
	cmp $-1, %rdi
	in (%dx), %al
	mov %eax, %ecx
	out %al, (%dx)
	mov %edx, %esi
	adc $0, %ecx
	lea -0x3d4(%rcx,%rsi), %eax
	shr $2, %eax
	ret
end vga

/* E9 is a jump among the opcodes of one byte only. Each of these is five bytes long. */
piece subtract
	lea 1f - 8(%rip), %rcx
	movd %edi, %xmm0
	cli
	psubsw 8(%rcx), %xmm0
	movd %xmm0, %eax
	ret
	.balign 16
end subtract
1:	.long 4, 0, 0, 0

piece subtract_mmx
	push $4
	push $0
	movd %edi, %mm0
	mov $0x3c0, %edx
	out %al, (%dx)
	psubsw 8(%rsp), %mm0
	movd %mm0, %eax
	emms
	add $16, %rsp
	ret
end subtract_mmx

piece subtract_avx
	lea 1f - 8(%rip), %rcx
	vmovd %edi, %xmm0
	cli
	vpsubsw 8(%rcx), %xmm0, %xmm0
	vmovd %xmm0, %eax
	ret
	.balign 16
end subtract_avx
1:	.long 4, 0, 0, 0

piece far /* to where a jump from a stub below does not reach */
	cli
	.byte 0xe9
	.long 0x7fffffff
end far

piece halt
	sti
	hlt
	nop
	nop
	nop
end halt

piece padded
	mov $7, %eax
	cli
	ret
	nopl 0(%rax)
	int3
end padded

piece followed /* by another function */
	mov $7, %eax
	cli
	ret
	mov $8, %eax
	ret
end followed

piece short
	mov $7, %eax
	ret
	pushfq
	ret
end short

piece words
	pushfw
	pop %ax
	and $0x200, %eax
	ret
end words

piece prefixed
	rex64 pushfq
	jmp 1f
1:	pop %rax
	and $0x200, %eax
	ret
end prefixed

piece registers /* and arithmetic flags: a bit for each that is not as it was */
	push %rbx
	mov $0x1111111122222222, %rax
	mov $0x3333333344444444, %rcx
	mov %rax, %rdx
	mov %rcx, %rbx
	cmp $-1, %rdi
	sti
	lea (%rdi), %rsi
	setc %dil
	cmp %rdx, %rax
	sete %r8b
	cmp %rbx, %rcx
	sete %r9b
	and %r8b, %r9b
	movzbl %dil, %eax
	shl $1, %eax
	or %r9b, %al
	pop %rbx
	ret
end registers

piece shadow /* no interrupt comes between STI and CLI */
	sti
	cli
	mov %rdi, %rax
	ret
	nop
end shadow

piece switch /* a table of offsets says that somebody jumps behind the CLI */
	lea 1f(%rip), %rdx
	movslq (%rdx,%rdi,4), %rax
	add %rdx, %rax
	jmp *%rax
	pushfq
2:	mov $5, %eax
	ret
end switch
1:	.long 2b - 1b
	.balign 16

piece identify /* what the monitor does adds 5 to RAX */
	xor %eax, %eax
	pushfq
	cpuid
	pop %rcx
	ret
end identify

piece identify_prefixed
	mov $-5, %rax
	data16 cpuid
	rex64 cpuid
	ret
end identify_prefixed

piece identify_data /* the same bytes in a constant; and data before an instruction */
	xor %eax, %eax
	mov $0xa20fa20f, %edx
	jmp 1f
	.byte 0x06, 0x1e, 0x0e
1:	cpuid
	cmp $0xa20fa20f, %edx
	je 1f
	xor %eax, %eax
1:	ret
end identify_data

	.section .note.GNU-stack, "", @progbits
