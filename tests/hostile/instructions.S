/* One instruction after another that ring 3 must not have, and some that it may but that a host may
 * have forgotten. rdi and rsi point to 4 KiB of memory, rax, rcx and rdx are small. */

	.macro instructions name
	.section .rodata
	.balign 8
	.globl \name
\name:
	.text
	.endm

	.macro one code:vararg
	.text
9:	\code
	ret
	.section .rodata
	.quad 9b
	.endm

instructions privileged_instructions
	one hlt
	one lgdt (%rdi)
	one lidt (%rdi)
	one lldt %dx
	one ltr %dx
	one mov %cr0, %rax
	one mov %rax, %cr0
	one mov %rax, %cr3
	one mov %cr4, %rax
	one mov %rax, %cr4
	one mov %rax, %cr8
	one mov %db0, %rax
	one mov %rax, %db7
	one rdmsr
	one wrmsr
	one invd
	one wbinvd
	one invlpg (%rdi)
	one invpcid (%rdi), %rax
	one clts
	one lmsw %dx
	one swapgs
	one sysretq
	one sysexit
	one xsetbv
	one monitor
	one mwait
	one vmxon (%rdi)
	one vmlaunch
	one vmptrld (%rdi)
	one vmrun
	one vmload
	one clgi
	one skinit
	one rsm
	one getsec
	one xrstors64 (%rdi)
	one ud2
	one ud1 %rax, %rax

instructions unprivileged_instructions
	one sysenter
	one vmcall
	one vmmcall
	one sgdt (%rdi)
	one sidt (%rdi)
	one sldt %eax
	one str %eax
	one smsw %eax
	one rdpmc
	one rdtscp
	one xgetbv
	one cpuid
	one .byte 0xf1 /* ICEBP */
	one int3
	one sti
	one rdpid %rax
	one clflush (%rdi)
	one xend
	one xabort $1
	one wrpkru
	one encls
	one .byte 0xf0, 0x90 /* LOCK NOP */
	one .byte 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x90

	.section .note.GNU-stack, "", @progbits
