/* A kernel that starts by PVH: prints that, and the last word of its command line, at the first serial
 * port, and turns the machine off. In 32 bits all the time; references as in monitor/guests/linux/pvh.c. */
#define MAGIC	     0x336ec578
#define COMMAND_LINE 24 /* in the start info */
#define SERIAL_PORT  0x3f8
#define POWER_PORT   0x604
#define POWER_OFF    0x2000
#define NOTE_ENTRY   18

	.section .note.pvh, "a", @note
	.balign 4
	.long 4, 4, NOTE_ENTRY
	.asciz "Xen"
	.long _start

	.text
	.code32
	.globl _start
_start:
	movl $stack_end, %esp
	cmpl $MAGIC, (%ebx)
	jne off
	movl $greeting, %esi
	call print
	movl COMMAND_LINE(%ebx), %esi
	movl %esi, %edi
next:	lodsb
	cmpb $' ', %al
	jne 1f
	movl %esi, %edi /* here a word begins */
1:	testb %al, %al
	jnz next
	movl %edi, %esi
	call print
	movl $line_end, %esi
	call print
off:	movw $POWER_PORT, %dx
	movw $POWER_OFF, %ax
	outw %ax, %dx
2:	hlt
	jmp 2b

/* Prints what is at ESI up to a NUL. */
print:	movw $SERIAL_PORT, %dx
3:	lodsb
	testb %al, %al
	jz 4f
	outb %al, %dx
	jmp 3b
4:	ret

	.section .rodata
greeting:
	.asciz "a PVH kernel: "
line_end:
	.asciz "\n"

	.bss
	.skip 4096
stack_end:

	.section .note.GNU-stack, "", @progbits
