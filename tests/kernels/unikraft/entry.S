/* Where the guest of guest.c begins: by Linux's 64-bit boot protocol, or by multiboot, from where it
 * goes to 64 bits itself. And its interrupts. */
#define LINUX_MAGIC	 0x53726448
#define MULTIBOOT_HEADER 0x1badb002
#define MULTIBOOT_LOADED 0x2badb002
#define CR4_PAE		 0x20
#define EFER		 0xc0000080
#define EFER_LME	 0x100
#define CR0_PAGING	 0x80000000

	.section .text.entry, "ax"

	.globl linux_entry
	.code64
linux_entry:
	cmpl $LINUX_MAGIC, 0x202(%rsi)
	jne stop
	mov $0, %edi
	lea stack_end(%rip), %rsp
	call guest_main
stop:	cli
	hlt
	jmp stop

	.globl multiboot_entry
	.code32
multiboot_entry:
	cmp $MULTIBOOT_LOADED, %eax
	jne stop
	mov %ebx, %esi
	mov $page_middle + 0x23, %eax
	mov %eax, page_root
	mov $page_last + 0x23, %eax /* the first 4 GiB */
	mov $page_middle, %edi
3:	mov %eax, (%edi)
	add $0x1000, %eax
	add $8, %edi
	cmp $page_middle + 32, %edi
	jne 3b
	mov $page_last, %edi
	mov $0xe3, %eax
1:	mov %eax, (%edi)
	add $0x200000, %eax
	add $8, %edi
	cmp $page_last + 0x4000, %edi
	jne 1b
	mov $page_root, %eax
	mov %eax, %cr3
	mov %cr4, %eax
	or $CR4_PAE, %eax
	mov %eax, %cr4
	mov $EFER, %ecx
	rdmsr
	or $EFER_LME, %eax
	wrmsr
	mov %cr0, %eax
	or $CR0_PAGING, %eax
	mov %eax, %cr0
	lgdt gdt_pointer
	ljmp $8, $2f
	.code64
2:	mov $16, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	mov $1, %edi
	mov %esi, %esi
	lea stack_end(%rip), %rsp
	call guest_main
	jmp stop

/* Counts, and ends the interrupt. */
	.globl timer_handler
timer_handler:
	push %rax
	incl timer_ticks(%rip)
	mov $0x20, %al
	out %al, $0x20
	pop %rax
	iretq

	/* Within the first 8 KiB of the file. It is no code, and code that is looked at from one end to
	 * the other goes on right behind it. */
	.section .multiboot, "a"
	.balign 8
	.long MULTIBOOT_HEADER, 3, -(MULTIBOOT_HEADER + 3)
	.fill 16, 1, 0x90

	.section .rodata, "a"
	.balign 8
gdt:	.quad 0, 0x00af9b000000ffff, 0x00cf93000000ffff
gdt_pointer:
	.word gdt_pointer - gdt - 1
	.long gdt

	.section .bss, "aw", @nobits
	.balign 4096
page_root: .skip 4096
page_middle: .skip 4096
page_last: .skip 0x4000
	.skip 16384
stack_end:

	.section .note.GNU-stack, "", @progbits
