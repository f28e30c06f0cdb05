/* What a hostile kernel could try, for test_attacks.c: each a few instructions, entered behind
 * kernel_attacker (guests.S). They are copied to KERNEL_ATTACKS. A fault ends one of them, or it goes
 * on; R15 is where to go then. */
#include "guests.h"

	.section .rodata.attack_list, "a", @progbits
	.globl attack_list
	.balign 64
attack_list:

	.section .rodata
	.globl attacks_begin
	.balign 16
attacks_begin:

/* A list has the names and places of all. */
.macro attack name
	jmp *%r15
	.balign 16
\name:
	.pushsection .rodata.attack_list, "a", @progbits
1:	.long \name - attacks_begin
	.ascii "\name"
	.org 1b + 64
	.popsection
.endm

.macro move_to_device_table
	movl $KERNEL_TABLES + 3, KERNEL_ROOT + 0x1000 + 8
	movl $KERNEL_DEVICE & 0xffe00000 | 0x83, KERNEL_TABLES
	mov %cr3, %rax
	mov %rax, %cr3
.endm

/* ── encodings ── */
attack long_halt
	.fill 14, 1, 0x66
	hlt
attack too_long
	.fill 15, 1, 0x66
	hlt
attack many_segments
	.byte 0x2e, 0x36, 0x3e, 0x26, 0x64, 0x65, 0xee
attack locked_cli
	.byte 0xf0, 0xfa
attack locked_out
	.byte 0xf0, 0xee
attack repeated_out
	.byte 0xf3, 0xf2, 0xf3, 0xee
attack wide_in
	.byte 0x66, 0x48, 0xed
attack repeated_halt
	.byte 0xf3, 0x48, 0x67, 0xf4
attack short_addresses
	mov $0xffffffff00000000 + KERNEL_DATA, %rsi
	mov $2, %ecx
	.byte 0xf3, 0x67, 0x6e
attack vector_prefix
	.byte 0xc5, 0xf8, 0xf4, 0xc0
attack other_vector_prefix
	.byte 0x62, 0xf1, 0x7c, 0x48, 0x0f, 0x01, 0x17
attack code_at_the_end
	mov $0xfffffe, %eax
	movw $0x660f, (%rax)
	jmp *%rax
attack code_beyond
	movabs $0x7ffffffffffe, %rax
	jmp *%rax

/* ── control registers ── */
attack no_such_register
	.byte 0x0f, 0x22, 0xe8, 0x0f, 0x20, 0xc8
attack more_registers
	.byte 0x44, 0x0f, 0x22, 0xf8
attack huge_priority
	mov $-1, %rax
	mov %rax, %cr8
attack all_of_cr0
	mov $-1, %rax
	mov %rax, %cr0
attack no_paging
	mov $0x11, %eax
	mov %rax, %cr0
attack all_of_cr4
	mov $-1, %rax
	mov %rax, %cr4
attack five_levels
	mov %cr4, %rax
	or $0x1000, %eax
	mov %rax, %cr4
attack debug_registers
	mov $0xffffffff, %eax
	mov %rax, %dr7
	mov %rax, %dr6
	mov %rax, %dr0
	mov %rax, %dr4
	nop
attack virtual_machines
	mov $0xc0000080, %ecx
	mov $0x1d01, %eax
	xor %edx, %edx
	wrmsr
attack no_long_mode
	mov $0xc0000080, %ecx
	xor %eax, %eax
	xor %edx, %edx
	wrmsr
	rdmsr
attack extended_state
	mov $-1, %eax
	mov %eax, %edx
	xor %ecx, %ecx
	xsetbv
attack wild_base
	mov $0xc0000100, %ecx
	mov $0x80000000, %edx
	wrmsr
attack wild_system_call
	mov $0xc0000082, %ecx
	mov $0x80000000, %edx
	wrmsr
attack system_call_to_nowhere
	mov $0xc0000082, %ecx
	mov $KERNEL_NOWHERE, %eax
	xor %edx, %edx
	wrmsr
	syscall
attack other_model_registers
	mov $0x1b, %ecx
	rdmsr
	mov $0x4b564d01, %ecx
	mov $KERNEL_DATA + 1, %eax
	xor %edx, %edx
	wrmsr

/* ── page tables ── */
attack root_beyond
	movabs $0x000ffffffffff000, %rax
	mov %rax, %cr3
attack root_reserved
	movabs $0x8000000000002000, %rax
	mov %rax, %cr3
attack root_at_the_end
	mov $0xfff000, %eax
	mov %rax, %cr3
attack root_of_the_monitor
	mov $0x1000000 + 0x7f000, %eax
	mov %rax, %cr3
attack root_is_code
	mov $KERNEL_CODE, %eax
	mov %rax, %cr3
attack tables_beyond
	movabs $0x000ffffffffff003, %rax
	mov %rax, KERNEL_ROOT + 0x1000 + 8
	mov %cr3, %rcx
	mov %rcx, %cr3
	mov KERNEL_NOWHERE, %eax
attack table_in_itself
	movl $KERNEL_ROOT + 0x1003, KERNEL_ROOT + 0x1000 + 8
	mov %cr3, %rax
	mov %rax, %cr3
	movb $1, KERNEL_NOWHERE
attack root_in_itself
	movl $KERNEL_ROOT + 3, KERNEL_ROOT + 8 * 256
	movl $KERNEL_ROOT + 3, KERNEL_ROOT + 8 * 2
	mov %cr3, %rax
	mov %rax, %cr3
	movabs $0x10000000000, %rax
	movb $1, (%rax)
attack much_is_lent
	mov %cr0, %rax
	and $~0x10000, %eax
	mov %rax, %cr0
	mov $200, %ecx
	mov $KERNEL_STACK, %edi
1:	mov %edi, %eax
	shr $12, %eax
	andl $~2, KERNEL_ROOT + 0x3000(, %rax, 8)
	invlpg (%rdi)
	movb $1, (%rdi)
	add $0x1000, %edi
	cmp $0x1ff000, %edi
	jb 1b
	mov %cr0, %rax
	or $0x10000, %eax
	mov %rax, %cr0
	movb $1, KERNEL_STACK + 0x1000
attack tables_are_lent
	mov %cr0, %rax
	and $~0x10000, %eax
	mov %rax, %cr0
	andl $~2, KERNEL_ROOT
	andl $~2, KERNEL_ROOT + 0x1000
	mov %cr3, %rcx
	mov %rcx, %cr3
	movb $1, KERNEL_DATA
	movl $0, KERNEL_ROOT + 0x1000 + 8
	or $0x10000, %eax
	mov %rax, %cr0
	movb $1, KERNEL_DATA
attack many_huge_pages
	mov $200, %ebx
	movabs $0x80000000, %rdi
1:	movl $0x83, KERNEL_ROOT + 0x1000 + 16
	mov %cr3, %rax
	mov %rax, %cr3
	mov (%rdi), %eax
	dec %ebx
	jnz 1b
attack huge_page_beyond
	movabs $0x000fffffc0000083, %rax
	mov %rax, KERNEL_ROOT + 0x1000 + 16
	mov %cr3, %rcx
	mov %rcx, %cr3
	movabs $0x80000000, %rdi
	mov (%rdi), %eax

/* ── descriptor tables, stacks ── */
attack no_descriptors
	movq $0, KERNEL_DATA
	movq $0, KERNEL_DATA + 8
	lgdt KERNEL_DATA
	ud2
attack descriptors_beyond
	movw $-1, KERNEL_DATA
	movq $0xfffffe, KERNEL_DATA + 2
	lgdt KERNEL_DATA
	int $0x21
attack wild_descriptors
	movw $-1, KERNEL_DATA
	movabs $0x8000000000000000, %rax
	mov %rax, KERNEL_DATA + 2
	lgdt KERNEL_DATA
attack no_handlers
	movw $0, KERNEL_DATA
	movq $0, KERNEL_DATA + 2
	lidt KERNEL_DATA
	ud2
attack handlers_around_the_end
	movw $-1, KERNEL_DATA
	movq $-0x60, KERNEL_DATA + 2
	lidt KERNEL_DATA
	ud2
attack handlers_of_the_monitor
	movw $-1, KERNEL_DATA
	movq $0x1000000, KERNEL_DATA + 2
	lidt KERNEL_DATA
	ud2
attack handler_is_wild
	movl $0x80000000, KERNEL_IDT + 6 * 16 + 8
	ud2
attack handler_faults
	movw $0, KERNEL_IDT + 14 * 16 + 6
	movw $8, KERNEL_IDT + 14 * 16
	mov KERNEL_NOWHERE, %eax
attack handler_is_a_task
	movb $0x85, KERNEL_IDT + 6 * 16 + 5
	ud2
attack stack_is_zero
	xor %esp, %esp
	ud2
attack stack_around
	mov $8, %esp
	int $0x21
attack stack_is_wild
	movabs $0x8000000000000010, %rsp
	ud2
attack stack_at_the_end
	mov $0x1000000, %esp
	int $0x21
	mov $0x1000008, %esp
	int $0x21
attack stack_in_tables
	mov $KERNEL_ROOT + 0x800, %esp
	int $0x21
	mov $KERNEL_ROOT + 0x20, %esp
	int $0x21
attack stack_of_faults
	movabs $0x7ffffffff000, %rax
	mov %rax, KERNEL_TSS + 0x24
	mov KERNEL_NOWHERE, %eax
attack no_task
	mov $0, %eax
	ltr %ax
attack task_at_the_end
	mov $0x50, %eax
	ltr %ax
	mov $0xfff8, %eax
	ltr %ax

/* ── far transfers ── */
attack to_user
	push $0x2b
	push $KERNEL_STACK - 0x800
	push $0x202
	push $0x33
	push %r15
	iretq
attack to_user_by_return
	push $0x33
	push %r15
	lretq
attack to_user_by_sysret
	mov %r15, %rcx
	mov $0x202, %r11d
	sysretq
attack to_user_by_sysexit
	mov %r15, %rdx
	sysexit
attack segments_of_the_host
	mov $0x2b, %eax
	mov %eax, %ds
	mov $0x33, %eax
	mov %eax, %es
	mov $0x53, %eax
	mov %eax, %fs
	mov $0x63, %eax
	mov %eax, %gs
	mov $0x73, %eax
	mov %eax, %ss
attack code_of_the_host
	movl $KERNEL_NOWHERE, KERNEL_DATA
	movw $0x23, KERNEL_DATA + 4
	ljmp *KERNEL_DATA
attack short_code_of_the_host
	lea 1f(%rip), %eax
	mov %eax, KERNEL_DATA
	movw $0x23, KERNEL_DATA + 4
	ljmp *KERNEL_DATA
1:	hlt
attack short_code
	lea 1f(%rip), %eax
	mov %eax, KERNEL_DATA
	movw $0x50, KERNEL_DATA + 4
	ljmp *KERNEL_DATA
1:	hlt
attack wild_jump
	movabs $0x8000000000000000, %rax
	mov %rax, KERNEL_DATA
	movw $8, KERNEL_DATA + 8
	rex64 ljmp *KERNEL_DATA
attack return_with_no_stack
	mov $0xfffff8, %esp
	lretq
attack interrupt_return_with_no_stack
	movabs $0x8000000000000000, %rsp
	iretq
attack local_descriptors
	mov $0xffff, %eax
	lldt %ax
	mov $0xf, %eax
	mov %eax, %ds

/* ── ports ── */
attack string_to_nowhere
	mov $KERNEL_NOWHERE, %edi
	mov $-1, %rcx
	mov $KERNEL_PORT, %edx
	rep insb
attack string_to_read_only
	mov $KERNEL_READ_ONLY - 6, %edi
	mov $-1, %rcx
	mov $KERNEL_PORT, %edx
	rep insl
attack string_over_tables
	mov $KERNEL_ROOT, %edi
	mov $0x1000, %ecx
	mov $KERNEL_PORT, %edx
	rep insl
attack string_beyond
	mov $0xfff000, %esi
	mov $-1, %rcx
	mov $KERNEL_PORT_STRING, %edx
	rep outsl
attack string_backwards
	std
	mov $16, %esi
	mov $-1, %rcx
	mov $KERNEL_PORT_STRING, %edx
	rep outsw
attack string_around
	mov $-4, %rsi
	mov $-1, %rcx
	mov $KERNEL_PORT_STRING, %edx
	rep outsw

/* ── devices' memory ── */
attack code_in_a_device
	move_to_device_table
	mov $KERNEL_NOWHERE, %eax
	jmp *%rax
attack stack_in_a_device
	move_to_device_table
	mov $KERNEL_NOWHERE + 0x100, %esp
	push %rax
	ud2
attack vectors_to_a_device
	move_to_device_table
	movups %xmm0, KERNEL_NOWHERE
	paddd KERNEL_NOWHERE, %xmm1
attack string_in_a_device
	move_to_device_table
	mov $KERNEL_NOWHERE, %esi
	mov $KERNEL_NOWHERE + 0x1000, %edi
	mov $64, %ecx
	rep movsq
attack exchange_with_a_device
	move_to_device_table
	lock cmpxchg16b KERNEL_NOWHERE
	lock incq KERNEL_NOWHERE + 0xffc
attack descriptors_in_a_device
	move_to_device_table
	lgdt KERNEL_NOWHERE
	movw $-1, KERNEL_DATA
	movq $KERNEL_NOWHERE, KERNEL_DATA + 2
	lgdt KERNEL_DATA
	int $0x21
attack string_from_a_device
	move_to_device_table
	mov $KERNEL_NOWHERE, %esi
	mov $4, %ecx
	mov $KERNEL_PORT_STRING, %edx
	rep outsb

/* ── flags, steps, loops ── */
attack steps
	pushf
	orl $0x100, (%rsp)
	popf
	cli
	mov %cr0, %rax
	in $KERNEL_PORT_READ, %al
	sti
	hlt
attack all_flags
	push $-1
	popf
	nop
	.byte 0xf1 /* INT1 */
attack flags_page
	mov $0xc0000, %edi
	mov $0x4000, %ecx
	mov $-1, %eax
	rep stosl
	int3
	sti
	pushf
attack forbidden
	.byte 0x0f, 0x01, 0xc1 /* vmcall */
	.byte 0x0f, 0x01, 0xd9 /* vmmcall */
	jmp *%r15
attack forbidden_vmrun
	.byte 0x0f, 0x01, 0xd8
attack forbidden_vmxon
	.byte 0xf3, 0x0f, 0xc7, 0x37
attack forbidden_rsm
	.byte 0x0f, 0xaa
attack forbidden_encls
	.byte 0x0f, 0x01, 0xcf
attack forbidden_invpcid
	.byte 0x66, 0x0f, 0x38, 0x82, 0x07
attack forbidden_mwait
	.byte 0x0f, 0x01, 0xc8, 0x0f, 0x01, 0xc9
attack forbidden_counters
	xor %ecx, %ecx
	rdpmc
attack loop
1:	jmp 1b
attack loop_of_traps
1:	cli
	jmp 1b
attack loop_of_faults
	lea 1f(%rip), %r15
1:	mov KERNEL_NOWHERE, %eax
	jmp 1b
attack loop_of_loads
1:	mov %cr3, %rax
	mov %rax, %cr3
	jmp 1b
attack loop_in_handlers
	movabs $KERNEL_IDT, %rax
	lea 1f(%rip), %rcx
	mov %cx, 6 * 16(%rax)
	shr $16, %ecx
	mov %cx, 6 * 16 + 6(%rax)
1:	ud2
attack nothing
	jmp *%r15

	.globl attacks_end
attacks_end:

	.section .rodata.attack_list, "a", @progbits
	.globl attack_list_end
attack_list_end:
	.section .note.GNU-stack, "", @progbits
