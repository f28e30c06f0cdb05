/* A raw image (mayfly/raw_image.h): sets up memory, registers and a device, and does what the first
 * byte of its request says. Linked as a flat file whose first page is the header.
 */
#include "mayfly/raw_image.h"

#define CONSOLE 0xe9
#define POWER	0x501
#define RTC	0x170 /* not where it usually is */

#define CODE 0x400000
#define DATA 0x600000
#define DATA_MEMORY 0x3000

	.section .text
image:
	.ascii "MAYFLYRW"
	.long RAW_VERSION, 0
	.quad start
	.quad code - image, code_end - code, CODE
	.quad data - image, data_end - data, DATA, DATA_MEMORY
devices:
	.ascii "console"
	.org devices + RAW_NAME_SIZE
	.org devices + 64
	.ascii "power"
	.org devices + 64 + RAW_NAME_SIZE
	.ascii "port=0x501"
	.org devices + 128
	.ascii "rtc"
	.org devices + 128 + RAW_NAME_SIZE
	.ascii "port=0x170"
	.org devices + RAW_DEVICES_MAX * 64

	.org 0x1000
code:
/* Writes a byte of the response. */
.macro put byte
	mov \byte, %al
	mov $CONSOLE, %dx
	out %al, %dx
.endm
/* Reads a register of the clock into al. */
.macro get_clock which
	mov \which, %al
	mov $RTC, %dx
	out %al, %dx
	inc %dx
	in %dx, %al
.endm
.macro leave status
	mov \status, %al
	mov $POWER, %dx
	out %al, %dx
	ud2
.endm

start:
	mov $DATA + DATA_MEMORY, %rsp
	put $'<'
	/* What is set up: memory, a general and a vector register, flags, the clock's memory. */
	incb DATA
	movabs $0x4847464544434241, %rbx
	movabs $0x3837363534333231, %rax
	movq %rax, %xmm7
	mov $0x40, %al
	mov $RTC, %dx
	out %al, %dx
	inc %dx
	mov $'S', %al
	out %al, %dx
	/* There is no request yet. */
	mov $CONSOLE + 1, %dx
	in %dx, %al
	add $'0', %al
	mov $CONSOLE, %dx
	out %al, %dx
	put $'>'
	mov $POWER + 1, %dx
	out %al, %dx
	/* From here on in every clone. */
	mov $CONSOLE, %dx
	in %dx, %al
	cmp $'e', %al
	je echo
	cmp $'m', %al
	je memory
	cmp $'r', %al
	je registers
	cmp $'t', %al
	je time
	cmp $'s', %al
	je strings
	cmp $'p', %al
	je port
	cmp $'h', %al
	je hypercall
	cmp $'w', %al
	je code_write
	cmp $'l', %al
	je .
	leave $7

echo:
	mov $CONSOLE + 1, %dx
	in %dx, %al
	test %al, %al
	jz 1f
	mov $CONSOLE, %dx
	in %dx, %al
	out %al, %dx
	jmp echo
1:	leave $0

/* Counts in memory, and changes the clock's memory: the next request sees neither. */
memory:
	mov DATA, %al
	add $'0', %al
	mov $CONSOLE, %dx
	out %al, %dx
	incb DATA
	get_clock $0x40
	mov $CONSOLE, %dx
	out %al, %dx
	mov $0x40, %al
	mov $RTC, %dx
	out %al, %dx
	inc %dx
	mov $'X', %al
	out %al, %dx
	get_clock $0x40
	mov $CONSOLE, %dx
	out %al, %dx
	leave $0

/* Both registers, then leaves others in them. */
registers:
	mov $16, %ecx
	movq %xmm7, %rsi
1:	mov %bl, %al
	mov $CONSOLE, %dx
	out %al, %dx
	shrd $8, %rsi, %rbx
	shr $8, %rsi
	dec %ecx
	jnz 1b
	movq %rbx, %xmm7
	leave $0

/* hh:mm as the clock has it: decimal digits. */
time:
	get_clock $4
	call digits
	put $':'
	get_clock $2
	call digits
	leave $0
digits:
	mov %al, %cl
	shr $4, %al
	add $'0', %al
	mov $CONSOLE, %dx
	out %al, %dx
	mov %cl, %al
	and $15, %al
	add $'0', %al
	out %al, %dx
	ret

/* 5 bytes of the request by one instruction, and as many back by another. */
strings:
	mov $CONSOLE, %dx
	mov $DATA + 0x100, %edi
	mov $5, %ecx
	rep insb
	mov $DATA + 0x100, %esi
	mov $5, %ecx
	rep outsb
	leave $0

/* Where no device is. */
port:
	put $'p'
	mov $0x80, %dx
	out %al, %dx
	leave $9

/* What other kinds of guests have. */
hypercall:
	out %eax, $0x10
	leave $9

code_write:
	movb $0, code
	leave $9
code_end:

	.org 0x2000
data:
	.byte 1
data_end:

	.section .note.GNU-stack, "", @progbits
