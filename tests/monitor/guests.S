/* Small guests, each a few instructions, for tests of isolations. Position-independent; the test
 * copies them into a region of an image. They have a stack of GUESTS_DATA_SIZE bytes of memory at
 * GUEST_POOL_BASE, whose first words are theirs.
 */
#include "guests.h"
#include "mayfly/guest_abi.h"

/* Offsets in struct guest_control. */
#define CONTROL_HYPERCALL 0
#define CONTROL_ARGUMENT  8
#define CONTROL_RESULT	  40

	.section .rodata
	.globl guests_begin
	.balign 16
guests_begin:

/* rbx: control page, rbp: data, rsp: top of the data */
.macro guest name
	.globl \name
	.balign 16
\name:
	movabs $GUEST_WINDOW_BASE, %rbx
	movabs $GUEST_POOL_BASE, %rbp
	lea GUESTS_DATA_SIZE(%rbp), %rsp
.endm

/* Hypercall WRITE (any would do) with `argument`; the answer comes in rax. */
.macro report argument
	movq \argument, CONTROL_ARGUMENT(%rbx)
	movq $5, CONTROL_HYPERCALL(%rbx)
	movabs $GUEST_HYPERCALL, %rax
	call *%rax
	mov CONTROL_RESULT(%rbx), %rax
.endm

/* Answers each result with the one above it; first 0. */
guest guest_echo
	xor %eax, %eax
1:	report %rax
	inc %rax
	jmp 1b

/* Reports how often it came by, from memory. */
guest guest_count
1:	incq (%rbp)
	mov (%rbp), %rcx
	report %rcx
	jmp 1b

/* The resume entry: what stands in memory plus 1000. */
guest guest_resumed
	mov (%rbp), %rcx
	add $1000, %rcx
	report %rcx
	ud2

/* Fills the general registers, saves what hypercalls keep, and reports whether it was kept. */
guest guest_keep
	mov $1, %esi
	mov $2, %edi
	mov $3, %edx
	mov $4, %r8d
	mov $5, %r9d
	mov $6, %r10d
	mov $7, %r12d
	mov $8, %r15d
	mov %rsp, %r13
	movq $0x5a, (%rbp)
	movq (%rbp), %xmm15
	mov %rbp, %r14
	report $0
	xor %ecx, %ecx
	sub %r13, %rsp
	or %rsp, %rcx
	mov %r13, %rsp
	sub %r14, %rbp
	or %rbp, %rcx
	sub $1, %rsi
	or %rsi, %rcx
	sub $2, %rdi
	or %rdi, %rcx
	sub $3, %rdx
	or %rdx, %rcx
	sub $4, %r8
	or %r8, %rcx
	sub $5, %r9
	or %r9, %rcx
	sub $6, %r10
	or %r10, %rcx
	sub $7, %r12
	or %r12, %rcx
	sub $8, %r15
	or %r15, %rcx
	movq %xmm15, %rax
	sub $0x5a, %rax
	or %rax, %rcx
	report %rcx
	ud2

/* One system call: the entry below adds 1 to rdi. Reports 0 where rax is right, the entry saw the
 * address behind SYSCALL, and all else was kept, vector registers too. */
guest guest_system_call
	mov $41, %edi
	mov $3, %edx
	mov $6, %r10d
	mov $8, %r15d
	mov %rsp, %r13
	mov %rbp, %r14
	movq $0x5a, (%rbp)
	movq (%rbp), %xmm15
	mov $39, %eax
	syscall
2:	mov %rcx, %r12
	lea 2b(%rip), %rcx
	sub %r12, %rcx
	sub $42, %rax
	or %rax, %rcx
	sub %r13, %rsp
	or %rsp, %rcx
	mov %r13, %rsp
	sub %r14, %rbp
	or %rbp, %rcx
	sub $41, %rdi
	or %rdi, %rcx
	sub $3, %rdx
	or %rdx, %rcx
	sub $6, %r10
	or %r10, %rcx
	sub $8, %r15
	or %r15, %rcx
	movq %xmm15, %rax
	sub $0x5a, %rax
	or %rax, %rcx
	report %rcx
	ud2

/* As many system calls as the result of its first hypercall says. */
guest guest_many_system_calls
	report $0
	mov %rax, %r12
1:	syscall
	dec %r12
	jnz 1b
	report $1
	ud2

/* Where SYSCALL ends: the library OS's entry point (guest/x86_64/entry.S) in small. Keeps rcx. */
	.globl guest_system_call_entry
	.balign 16
guest_system_call_entry:
	mov %cs, %r11d
	test $3, %r11b
	mov %rcx, %rax
	jnz 1f
	lea 1f(%rip), %rcx
	mov $0x3202, %r11d
	sysretq
1:	mov %rax, %rcx
	lea 1(%rdi), %rax
	jmp *%rcx

/* ── faults ──────────────────────────────────────────────────────────────────────────────────── */

guest guest_read_null
	mov $0x11, %r8d
	mov 8, %rax
	ud2

guest guest_invalid_instruction
	ud2

guest guest_write_code
	lea guest_write_code(%rip), %rax
	movl $0, (%rax)
	ud2

guest guest_execute_data
	movb $0xc3, (%rbp)
	call *%rbp
	ud2

guest guest_divide
	xor %ecx, %ecx
	mov $1, %eax
	xor %edx, %edx
	div %ecx
	ud2

guest guest_breakpoint
	int3

guest guest_interrupt
	mov $20, %eax /* getpid of 32-bit Linux */
	int $0x80
	ud2

guest guest_noncanonical
	movabs $0x8000000000000000, %rax
	mov (%rax), %rax
	ud2

guest guest_privileged
	hlt

guest guest_spin
	report $0
1:	jmp 1b

/* ── permissions ─────────────────────────────────────────────────────────────────────────────── */

/* Uses the address that it gets as an answer, whose lowest bits say how: 0 reports the byte there, 1
 * writes a return instruction, 2 calls it; 3 writes bits 4 to 11 to the beginning of the page. */
guest guest_use
	xor %eax, %eax
1:	report %rax
	mov %rax, %r12
	and $~3, %r12
	and $3, %eax
	cmp $1, %eax
	je 2f
	ja 3f
	movzbl (%r12), %eax
	jmp 1b
2:	movb $0xc3, (%r12)
	jmp 1b
3:	cmp $3, %eax
	je 4f
	call *%r12
	mov $2, %eax
	jmp 1b
4:	mov %r12, %rcx
	shr $4, %rcx
	and $~4095, %r12
	movb %cl, (%r12)
	jmp 1b

/* Does to the program's page what each result tells: 1 write, 2 read, 3 call. Reports 100 + that. */
guest guest_touch
	movabs $GUESTS_PROGRAM, %r12
	xor %eax, %eax
1:	add $100, %rax
	report %rax
	cmp $1, %rax
	je 2f
	cmp $2, %rax
	je 3f
	cmp $3, %rax
	jne 1b
	call *%r12
	mov $3, %eax
	jmp 1b
2:	movb $0xc3, (%r12) /* ret */
	jmp 1b
3:	mov (%r12), %rcx
	jmp 1b

/* ── attempts on process isolation: through the hypercall page's own SYSCALL ─────────────────── */

/* rdx: address of the first SYSCALL instruction in the hypercall page */
.macro find_door
	movabs $GUEST_HYPERCALL, %rdx
9:	inc %rdx
	cmpw $0x050f, (%rdx)
	jne 9b
.endm

/* getpid: no argument, no harm, but not on the list. */
guest guest_forbidden_call
	find_door
	mov $39, %eax
	call *%rdx
	ud2

/* mprotect(the program, read + write + grows down) */
guest guest_forbidden_protection
	find_door
	mov %rdx, %r12
	movabs $GUESTS_PROGRAM, %rdi
	mov $4096, %esi
	mov $0x1000003, %edx
	mov $10, %eax
	call *%r12
	ud2

/* mprotect(the hypercall page, read + write) */
guest guest_forbidden_address
	find_door
	mov %rdx, %r12
	movabs $GUEST_HYPERCALL, %rdi
	mov $4096, %esi
	mov $3, %edx
	mov $10, %eax
	call *%r12
	ud2

/* write(socket, …): only the events may be written to. */
guest guest_forbidden_descriptor
	find_door
	mov %rdx, %r12
	xor %edi, %edi
	mov %rbp, %rsi
	mov $1, %edx
	mov $1, %eax
	call *%r12
	ud2

/* mremap(program, a page, two pages, to the pool's end): it would show more than was mapped. */
guest guest_forbidden_growth
	find_door
	mov %rdx, %r12
	movabs $GUESTS_PROGRAM, %rdi
	mov $4096, %esi
	mov $8192, %edx
	mov $3, %r10d /* MREMAP_MAYMOVE | MREMAP_FIXED */
	movabs $GUEST_AREA_BASE, %r8
	mov $25, %eax
	call *%r12
	ud2

/* mremap(program, a page, a page, over the window) */
guest guest_forbidden_target
	find_door
	mov %rdx, %r12
	movabs $GUESTS_PROGRAM, %rdi
	mov $4096, %esi
	mov $4096, %edx
	mov $3, %r10d
	movabs $GUEST_WINDOW_BASE, %r8
	mov $25, %eax
	call *%r12
	ud2

/* mremap(program, a page, a page, to the pool's end, and leaves them there, too) */
guest guest_forbidden_move
	find_door
	mov %rdx, %r12
	movabs $GUESTS_PROGRAM, %rdi
	mov $4096, %esi
	mov $4096, %edx
	mov $7, %r10d /* and MREMAP_DONTUNMAP */
	movabs $GUEST_AREA_BASE, %r8
	mov $25, %eax
	call *%r12
	ud2

/* mremap(the pool's beginning, so much that it reaches the window, as much, …) */
guest guest_forbidden_reach
	find_door
	mov %rdx, %r12
	movabs $GUEST_POOL_BASE, %rdi
	movabs $GUEST_WINDOW_BASE - GUEST_POOL_BASE + 4096, %rsi
	mov %rsi, %rdx
	mov $3, %r10d
	mov $GUEST_AREA_BASE, %r8d
	mov $25, %eax
	call *%r12
	ud2

/* mmap(…, read + write, shared + fixed, the root image): no right to write to it. */
guest guest_forbidden_mapping
	find_door
	mov %rdx, %r12
	mov $GUEST_AREA_BASE, %edi
	mov $4096, %esi
	mov $3, %edx
	mov $0x11, %r10d
	mov $6, %r8d
	xor %r9d, %r9d
	mov $9, %eax
	call *%r12
	ud2

/* munmap(the window) */
guest guest_forbidden_unmapping
	find_door
	mov %rdx, %r12
	movabs $GUEST_WINDOW_BASE, %rdi
	mov $4096, %esi
	mov $11, %eax
	call *%r12
	ud2

/* munmap(what was the answer, a page) between two reports */
guest guest_unmap
	report $0
	find_door
	mov %rdx, %r12
	mov %rax, %rdi
	mov $4096, %esi
	mov $11, %eax
	call *%r12
	report $1
	ud2

/* Rings for ever and never takes an answer. */
guest guest_flood
	report $0
	find_door
	mov %rdx, %r12
1:	mov $4, %edi
	mov %rbp, %rsi
	mov $1, %edx
	mov $1, %eax
	call *%r12
	jmp 1b

	.globl guests_end
guests_end:

	.section .note.GNU-stack, "", @progbits
