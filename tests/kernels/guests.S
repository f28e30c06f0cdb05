/* Small guests for the privileged ring; see guests.h. Position-independent. */
#include "guests.h"

	.section .rodata
	.globl kernels_begin
	.balign 16
kernels_begin:

.macro guest name
	.globl \name
	.balign 16
\name:
.endm

.macro report value:vararg
	mov \value, %eax
	out %eax, $KERNEL_PORT
.endm

/* An instruction that faults: the handler reports vector, error code, CR2 and how far behind its
 * first instruction RIP was; then the guest goes on behind it. */
.macro fault instruction:vararg
	lea 1f(%rip), %r14
	lea 2f(%rip), %r15
1:	\instruction
2:
.endm

/* ── descriptor tables and handlers ── */

	.balign 8
gdt:	.quad 0, 0x00af9b000000ffff, 0x00cf93000000ffff
gdt_tss: .quad 0, 0 /* 0x18 */
	.quad 0, 0, 0		 /* to 0x38: PVM has selectors of its own there */
	.quad 0x00af1b000000ffff /* 0x40: not present */
	.quad 0x12cf933456780fff /* 0x48: data at 0x12345678 */
	.quad 0x00cf9b000000ffff /* 0x50: code of 32 bits */
gdt_end:

/* 0x00 … 0x3f have gates. Clobbers rax, rcx, rdx, rdi. */
setup:
	mov $KERNEL_IDT, %edi
	lea stubs(%rip), %rcx
	xor %edx, %edx
1:	mov %cx, (%rdi)
	movl $0x8e000008, 2(%rdi)
	mov %rcx, %rax
	shr $16, %rax
	mov %ax, 6(%rdi)
	movq $0, 8(%rdi)
	add $16, %rdi
	add $16, %rcx
	inc %edx
	cmp $64, %edx
	jb 1b
	movb $1, KERNEL_IDT + 14 * 16 + 4 /* page faults have a stack of their own */
	movq $KERNEL_IST, KERNEL_TSS + 0x24
	lea gdt_tss(%rip), %rdi
	movabs $0x0000890000000067 | (KERNEL_TSS & 0xffffff) << 16, %rax
	mov %rax, (%rdi)
	movq $0, 8(%rdi)
	sub $32, %rsp
	movw $gdt_end - gdt - 1, (%rsp)
	lea gdt(%rip), %rax
	mov %rax, 2(%rsp)
	lgdt (%rsp)
	movw $64 * 16 - 1, (%rsp)
	movq $KERNEL_IDT, 2(%rsp)
	lidt (%rsp)
	add $32, %rsp
	mov $0x18, %eax
	ltr %ax
	push $8
	lea 2f(%rip), %rax
	push %rax
	lretq
2:	mov $0x10, %eax
	mov %eax, %ss
	mov %eax, %ds
	mov %eax, %es
	ret

	.balign 16
stubs:
.set i, 0
.rept 64
	.balign 16
.if !(i == 8 || (i >= 10 && i <= 14) || i == 17)
	push $0
.endif
	push $i
	jmp handler
.set i, i + 1
.endr

handler:
	push %rax
	cmpb $KERNEL_TIMER, 8(%rsp)
	je 1f
	report 8(%rsp)
	report 16(%rsp)
	mov %cr2, %rax
	out %eax, $KERNEL_PORT
	mov 24(%rsp), %rax
	sub %r14, %rax
	out %eax, $KERNEL_PORT
	mov %r15, 24(%rsp)
	andl $~0x100, 40(%rsp)
	jmp 2f
1:	incl KERNEL_DATA
	cmpl $0, KERNEL_DATA + 4
	je 2f
	report KERNEL_DATA
2:	pop %rax
	add $16, %rsp
	iretq

/* ── guests ── */

guest kernel_entry
	report %esp
	report %ebp
	report %edi
	report %esi
	report %ebx
	mov %cr0, %rax
	report %eax
	mov %cr3, %rax
	report %eax
	mov %cr4, %rax
	report %eax
	mov $0xc0000080, %ecx
	rdmsr
	report %eax
	hlt

guest kernel_faults
	call setup
	movb $0xc3, KERNEL_NO_EXECUTE
	mov $99, %eax
	lea 1f(%rip), %r15
	lea 2f(%rip), %r14
2:	out %eax, $KERNEL_PORT
	jmp kernels_begin + KERNEL_NO_EXECUTE - KERNEL_CODE
1:
	fault ud2
	fault movb KERNEL_NOWHERE, %al
	fault movb $1, KERNEL_NOWHERE + 8
	fault movb $1, KERNEL_READ_ONLY
	movb $0xc3, KERNEL_NO_EXECUTE
	mov $KERNEL_NO_EXECUTE, %ecx
	fault call *%rcx
	fault int3
	fault int $0x30
	fault int $0xff
	xor %ecx, %ecx
	fault div %ecx
	movabs $0x8000000000000000, %rbx
	fault mov (%rbx), %al
	mov $0x12345, %ecx
	fault rdmsr
	mov $0x100, %eax
	fault mov %eax, %ds
	mov $0x80000000, %eax
	fault mov %rax, %cr0
	movl $KERNEL_DATA, KERNEL_DATA
	movw $0x40, KERNEL_DATA + 4
	fault ljmp *KERNEL_DATA
	lea 1f(%rip), %r14
	lea 2f(%rip), %r15
	pushf
	orl $0x100, (%rsp)
	popf
1:	nop
2:	report $99
	hlt

guest kernel_instructions
	call setup
	mov %cr0, %rax
	or $8, %eax
	mov %rax, %cr0
	clts
	mov %cr0, %rax
	report %eax
	mov $0x50620, %eax
	mov %rax, %cr4
	mov %cr4, %rax
	report %eax
	mov $5, %eax
	mov %rax, %cr8
	mov %cr8, %rbx
	report %ebx
	mov $0x1234, %eax
	mov %rax, %cr2
	mov %cr2, %rsi
	report %esi
	mov %dr7, %rax
	report %eax
	mov $0x777, %eax
	mov %rax, %dr3
	mov %dr3, %r11
	report %r11d
	mov $7, %eax
	xor %edx, %edx
	xor %ecx, %ecx
	xsetbv
	mov $0x111000, %eax
	mov $0xc0000101, %ecx
	wrmsr
	mov $0x222000, %eax
	mov $0xc0000102, %ecx
	wrmsr
	swapgs
	rdgsbase %rax
	report %eax
	rdmsr
	report %eax
	mov $0x40000010, %eax
	cpuid
	test %eax, %eax
	setnz %al
	movzx %al, %eax
	report %eax
	mov $1, %eax
	cpuid
	and $1 << 9, %edx
	report %edx
	invlpg KERNEL_DATA
	invd
	wbinvd
	movl $0x1c80, KERNEL_DATA
	ldmxcsr KERNEL_DATA
	stmxcsr KERNEL_DATA
	report KERNEL_DATA
	mov $0x7fffffff, %eax
	in $KERNEL_PORT_READ, %al
	report %eax
	in $KERNEL_PORT_READ, %ax
	report %eax
	mov $-1, %rax
	in $KERNEL_PORT_READ, %eax
	shr $4, %rax
	report %eax
	hlt
	.globl kernel_instructions_end
kernel_instructions_end:

.macro identify function, index=0
	mov $\function, %eax
	mov $\index, %ecx
	cpuid
.endm

/* What CPUID tells of the processor that this is. */
guest kernel_identify
	call setup
	mov $-1, %rbx
	mov $-1, %rdx
	mov $0xffffffff40000010, %rax
	mov $0xffffffff00000000, %rcx
	cpuid
	test %eax, %eax
	setnz %sil
	movzbl %sil, %esi
	or %rbx, %rax
	or %rcx, %rax
	or %rdx, %rax
	shr $32, %rax
	report %eax /* upper halves */
	report %esi /* there is a rate of the counter */
	mov $0x40000010, %eax
	data16 cpuid
	test %eax, %eax
	setnz %al
	movzx %al, %eax
	report %eax
	identify 0x40000000
	report %eax
	identify 1
	and $1 << 9, %edx /* APIC */
	report %edx
	shr $24, %ebx /* its number */
	report %ebx
	identify 1
	and $1 << 27, %ecx /* OSXSAVE */
	report %ecx
	mov %cr4, %rax
	or $1 << 18, %eax
	mov %rax, %cr4
	identify 1
	and $1 << 27, %ecx
	report %ecx
	identify 7, 0
	and $1, %ebx /* FSGSBASE */
	report %ebx
	identify 7, 0x99
	report %ebx
	identify 1
	report %ecx /* ring 3 has it, and KVM may hide it */
	identify 0xb, 0
	or %ebx, %eax
	report %eax
	identify 0xb, 1
	or %ebx, %eax
	report %eax
	identify 0xd, 0
	and $3, %eax /* x87, SSE */
	report %eax
	identify 0xd, 62
	report %eax
	identify 4, 0x99
	report %ebx
	report $0xa20fa20f
	jmp 1f
	.byte 0x06, 0x1e, 0x0e /* no instructions */
1:	identify 0x40000010
	test %eax, %eax
	setnz %al
	movzx %al, %eax
	report %eax
	hlt
	.globl kernel_identify_end
kernel_identify_end:

guest kernel_segments
	call setup
	report gdt_tss + 4(%rip)
	/* far jump, far call and far return */
	lea 1f(%rip), %rax
	mov %rax, KERNEL_DATA
	movw $8, KERNEL_DATA + 8
	rex64 ljmp *KERNEL_DATA
	ud2
1:	lea far(%rip), %rax
	mov %rax, KERNEL_DATA
	rex64 lcall *KERNEL_DATA
	report $2
	push $0x48
	pop %fs
	rdfsbase %rax
	report %eax
	push $0
	pop %gs
	/* IRETQ with another stack and flags */
	mov %rsp, %rbx
	push $0x10
	push $KERNEL_STACK - 0x800
	push $0x202
	push $8
	lea 2f(%rip), %rax
	push %rax
	iretq
2:	mov %esp, %ecx
	mov %rbx, %rsp
	report %ecx
	hlt
far:	report $1
	lretq

guest kernel_strings
	lea text(%rip), %rsi
	mov $5, %ecx
	mov $KERNEL_PORT_STRING, %edx
	rep outsb
	report %ecx
	mov $KERNEL_DATA + 0xff0, %edi
	mov $3, %ecx
	rep insl
	mov %edi, %eax
	report %eax
	report KERNEL_DATA + 0xff4
	std
	lea text + 4(%rip), %rsi
	mov $2, %ecx
	rep outsb
	cld
	hlt
text:	.ascii "hello"

/* A page at KERNEL_NOWHERE by tables of its own, changed in all ways. */
guest kernel_paging
	call setup
	movl $KERNEL_TABLES + 3, KERNEL_ROOT + 0x1000 + 8   /* of 1 GiB */
	movl $KERNEL_TABLES + 0x1003, KERNEL_TABLES
	movl $KERNEL_DATA + 3, KERNEL_TABLES + 0x1000
	movl $0x51, KERNEL_DATA
	movl $0x52, KERNEL_TABLES + 0x2000
	report KERNEL_NOWHERE
	/* another frame */
	movl $KERNEL_TABLES + 0x2003, KERNEL_TABLES + 0x1000
	invlpg KERNEL_NOWHERE
	report KERNEL_NOWHERE
	/* away */
	movl $0, KERNEL_TABLES + 0x1000
	invlpg KERNEL_NOWHERE
	fault movb KERNEL_NOWHERE, %al
	/* read-only, which counts as long as WP is set */
	movl $KERNEL_DATA + 1, KERNEL_TABLES + 0x1000
	mov %cr3, %rax
	mov %rax, %cr3
	fault movb $1, KERNEL_NOWHERE
	mov %cr0, %rbx
	and $~0x10000, %ebx
	mov %rbx, %cr0
	movb $0x53, KERNEL_NOWHERE
	report KERNEL_DATA
	or $0x10000, %ebx
	mov %rbx, %cr0
	fault movb $1, KERNEL_NOWHERE
	/* not executable */
	movl $0x80000000, KERNEL_TABLES + 0x1004
	movl $KERNEL_DATA + 3, KERNEL_TABLES + 0x1000
	mov %cr3, %rax
	mov %rax, %cr3
	mov $KERNEL_NOWHERE, %ecx
	fault jmp *%rcx
	/* 1 GiB at once */
	movl $0x83, KERNEL_ROOT + 0x1000 + 16
	mov $KERNEL_NOWHERE + 0x40000000 + KERNEL_DATA, %esi
	report (%rsi)
	hlt

/* A device's memory */
guest kernel_device
	movl $KERNEL_TABLES + 3, KERNEL_ROOT + 0x1000 + 8
	movl $KERNEL_DEVICE & 0xffe00000 | 0x83, KERNEL_TABLES
	mov %cr3, %rax
	mov %rax, %cr3
	movl $0x12345678, KERNEL_NOWHERE + 0x70
	mov KERNEL_NOWHERE + 0x74, %ebx
	report %ebx
	movzbl KERNEL_NOWHERE + 0x75, %ebx
	report %ebx
	hlt

/* Writes behind a read, of all sizes; and one to memory that is the guest's own. */
guest kernel_device_writes
	movl $KERNEL_TABLES + 3, KERNEL_ROOT + 0x1000 + 8
	movl $KERNEL_DEVICE & 0xffe00000 | 0x83, KERNEL_TABLES
	mov %cr3, %rax
	mov %rax, %cr3
	mov $KERNEL_NOWHERE, %edx
	mov 0x60(%rdx), %eax
	mov %eax, 0x64(%rdx)
	mov 0x60(%rdx), %eax
	mov %al, 0x68(%rdx)
	mov 0x60(%rdx), %eax
	movw $0x1234, 0x6a(%rdx)
	mov 0x60(%rdx), %eax
	movq $-2, 0x70(%rdx)
	mov 0x60(%rdx), %eax
	mov %eax, KERNEL_DATA
	report KERNEL_DATA
	hlt

/* A snapshot, and then accesses at which a request may end: a write, a read, the first one of several,
 * and one behind which the instruction faults. */
guest kernel_doorbell
	movl $KERNEL_TABLES + 3, KERNEL_ROOT + 0x1000 + 8
	movl $KERNEL_DEVICE & 0xffe00000 | 0x83, KERNEL_TABLES
	mov %cr3, %rax
	mov %rax, %cr3
	report $1
	incl KERNEL_DATA
	add KERNEL_DATA, %ebx
	mov %ebx, KERNEL_NOWHERE + 0x70
	mov KERNEL_NOWHERE + 0x74, %ebx
	mov $KERNEL_NOWHERE + 0x78, %esi
	mov $KERNEL_DATA, %edi
	mov $2, %ecx
	rep movsb
	xor %esp, %esp
	push KERNEL_NOWHERE + 0x80
	hlt

/* What was accessed, and written to, is noted in the tables, whoever does the instruction. */
#define ENTRY KERNEL_ROOT + 0x3000 + KERNEL_DATA / 4096 * 8
guest kernel_marks
	andl $~0x60, ENTRY
	invlpg KERNEL_DATA
	report $1
	mov KERNEL_DATA, %ebx
	mov ENTRY, %ebx
	and $0x60, %ebx
	report %ebx
	movl $5, KERNEL_DATA
	mov ENTRY, %ebx
	and $0x60, %ebx
	report %ebx
	hlt

guest kernel_interrupts
	call setup
	sti
	hlt
	report KERNEL_DATA
	cli
	report $7
	sti
1:	cmpl $3, KERNEL_DATA
	jne 1b
	cli
	report KERNEL_DATA
	hlt

/* Handlers that access a port before they end. */
guest kernel_told
	call setup
	movl $1, KERNEL_DATA + 4
	mov $0x77, %eax
	sti
1:	cmpl $3, KERNEL_DATA
	jne 1b
	cli
	report %eax
	hlt

/* An interrupt comes behind the instruction behind STI. */
guest kernel_shadow
	call setup
	xor %ebx, %ebx
	sti
	mov KERNEL_DATA, %ebx
	cli
	report %ebx
	report KERNEL_DATA
	hlt

guest kernel_spin
	report $1
	mov $1, %eax
1:	inc %rbx
	jmp 1b

/* Counts in memory, in a register and in a vector register. */
guest kernel_count
	call setup
	movl $0, KERNEL_DATA
	xor %ebx, %ebx
	pxor %xmm3, %xmm3
	mov $1, %eax
	movd %eax, %xmm4
1:	incl KERNEL_DATA
	inc %ebx
	paddd %xmm4, %xmm3
	mov KERNEL_DATA, %eax
	shl $8, %eax
	add %ebx, %eax
	shl $8, %eax
	movd %xmm3, %ecx
	add %ecx, %eax
	report %eax
	jmp 1b

guest kernel_user
	call setup
	push $0x2b
	push $KERNEL_STACK - 0x800
	push $0x202
	push $0x33
	push $0x100000
	iretq

guest kernel_halt
	cli
	hlt

guest kernel_bare_fault
	movb $1, KERNEL_NOWHERE

guest kernel_bad_stack
	call setup
	movq $KERNEL_NOWHERE, KERNEL_TSS + 0x24
	movabs $KERNEL_NOWHERE, %rsp
	ud2

guest kernel_wild_root
	movabs $0x000ffffffffff000, %rax
	mov %rax, %cr3
	ud2

/* The root is its own table, on all levels, and all its entries are. */
guest kernel_circle
	mov $KERNEL_TABLES, %edi
	mov $KERNEL_TABLES + 3, %eax
	mov $512, %ecx
	rep stosq
	mov $KERNEL_TABLES, %eax
	mov %rax, %cr3
	ud2

/* The IDT ends within a gate, at the end of memory. */
guest kernel_bad_idt
	call setup
	sub $16, %rsp
	movw $0x3ff, (%rsp)
	movq $0xffff00, 2(%rsp)
	lidt (%rsp)
	ud2

/* Gives KERNEL_NOWHERE a page, then another by INVLPG alone: reports what is there. */
guest kernel_remap
	movl $0x41, KERNEL_TABLES + 0x2000
	movl $0x42, KERNEL_TABLES + 0x3000
	movl $KERNEL_TABLES + 3, KERNEL_ROOT + 0x1000 + 8
	movl $KERNEL_TABLES + 0x1003, KERNEL_TABLES
	movl $KERNEL_TABLES + 0x2003, KERNEL_TABLES + 0x1000
	mov %cr3, %rax
	mov %rax, %cr3
	report $0
1:	report KERNEL_NOWHERE
	movl $KERNEL_TABLES + 0x3003, KERNEL_TABLES + 0x1000
	invlpg KERNEL_NOWHERE
	report KERNEL_NOWHERE
	jmp 1b

/* Changes a table back and forth, without a flush at the end. */
guest kernel_table_writer
	movl $0x41, KERNEL_TABLES + 0x2000
	movl $0x42, KERNEL_TABLES + 0x3000
	movl $KERNEL_TABLES + 3, KERNEL_ROOT + 0x1000 + 8
	movl $KERNEL_TABLES + 0x1003, KERNEL_TABLES
	movl $KERNEL_TABLES + 0x2003, KERNEL_TABLES + 0x1000
	mov %cr3, %rax
	mov %rax, %cr3
	report KERNEL_TABLES + 0x3000
1:	report KERNEL_NOWHERE
	movl $KERNEL_TABLES + 0x3003, KERNEL_TABLES + 0x1000
	report KERNEL_NOWHERE
	movl $KERNEL_TABLES + 0x2003, KERNEL_TABLES + 0x1000
	report $3
	jmp 1b

/* Goes to RDI, and reports 77 where that comes back or faults. */
guest kernel_attacker
	push %rdi
	call setup
	pop %rdi
	lea 1f(%rip), %r14
	lea 1f(%rip), %r15
	jmp *%rdi
1:	mov $KERNEL_STACK - 0x1000, %esp
	report $77
	hlt

/* What is left in registers that no kernel_start sets. */
guest kernel_fresh
	movd %xmm5, %ebx
	report %ebx
	rdfsbase %rbx
	report %ebx
	stmxcsr KERNEL_DATA
	report KERNEL_DATA
	mov %cr2, %rbx
	add %r15, %rbx
	report %ebx
	mov $-1, %r15
	mov %r15, %cr2
	movq %r15, %xmm5
	wrfsbase %rsp
	movl $0x1c80, KERNEL_DATA
	ldmxcsr KERNEL_DATA
	report $1
	hlt

/* Asks and sets flags, by instructions that are rewritten. */
guest kernel_flags
	call setup
	sti
	pushf
	pop %rax
	and $0x3200, %eax
	report %eax
	cli
	pushf
	pop %rax
	and $0x3200, %eax
	report %eax
	push $0x3202
	popf
	pushf
	pop %rax
	and $0x3200, %eax
	report %eax
1:	cmpl $1, KERNEL_DATA
	jne 1b
	push $2
	popf
	report $5
	sti
	nop
	nop
	mov KERNEL_DATA, %ebx
	cli
	report %ebx
	hlt
	.globl kernel_flags_end
kernel_flags_end:

/* PUSHF that cannot be moved, which becomes a breakpoint, and an instruction that faults, again and again. */
guest kernel_breakpoints
	call setup
	sti
	mov %rsp, %rbp
	mov $2000, %ebx
1:	pushf
	pop %rax
	lea 2f(%rip), %rcx
	and $0x3200, %eax
	cmp $0x200, %eax
	jne 2f
	cmp %rsp, %rbp
	jne 2f
	mov %cr2, %rax
	dec %ebx
	jnz 1b
2:	cli
	report %ebx
	hlt
	.globl kernel_breakpoints_end
kernel_breakpoints_end:

/* Begins in 32 bits, without paging: EBX has 0x14. */
	.code32
guest kernel_protected
	mov %ebx, %eax
	out %eax, $KERNEL_PORT
	identify 0x40000010
	test %eax, %eax
	setnz %al
	movzx %al, %eax
	out %eax, $KERNEL_PORT
	mov $0x10620, %eax
	mov %eax, %cr4
	mov $KERNEL_ROOT, %eax
	mov %eax, %cr3
	mov $0xc0000080, %ecx
	mov $0xd00, %eax
	xor %edx, %edx
	wrmsr
	mov $0x80010031, %eax
	mov %eax, %cr0
	mov $KERNEL_DATA, %esp
	call 1f
1:	pop %edx
	add $protected_gdt - 1b, %edx
	movw $gdt_end - gdt - 1, KERNEL_DATA
	mov %edx, KERNEL_DATA + 2
	lgdt KERNEL_DATA
	add $2f - protected_gdt, %edx
	push $8
	push %edx
	lret
	.code64
2:	mov $KERNEL_STACK, %esp
	movl $0x1c80, KERNEL_DATA
	ldmxcsr KERNEL_DATA
	call setup
	report $0x64
	fault ud2
	report $0x65
	hlt
.set protected_gdt, gdt
	.globl kernel_protected_end
kernel_protected_end:

/* Reports a model-specific register, and leaves something in it. */
	.code32
guest kernel_model
	mov $0x200, %ecx /* the first variable range of memory types */
	rdmsr
	out %eax, $KERNEL_PORT
	mov $0x12345006, %eax
	xor %edx, %edx
	wrmsr
	cli
	hlt
	.code64

	.globl kernels_end
kernels_end:

	.section .note.GNU-stack, "", @progbits
