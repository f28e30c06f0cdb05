/* Makes system calls for some seconds (its argument), by a SYSCALL that is not patched
 * (lib/syscall_patch), with a value in each register that a call keeps; prints how many changed. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { KEPT = 12 };

/* int call_keeping(const uint64_t values[KEPT], uint64_t after[KEPT]): getpid() as patched code does
 * not make it: its number comes by another register. Returns its result. */
extern int call_keeping(const uint64_t values[KEPT], uint64_t after[KEPT]);
__asm__(
    ".text\n"
    "call_keeping:\n"
    "	push %rbx\n	push %rbp\n	push %r12\n	push %r13\n	push %r14\n	push %r15\n"
    "	push %rsi\n	push %rdi\n" /* the stack too must be as it was */
    "	mov %rdi, %rax\n"
    "	mov (%rax), %rbx\n	mov 8(%rax), %rdx\n	mov 16(%rax), %rsi\n	mov 24(%rax), "
    "%rdi\n"
    "	mov 32(%rax), %rbp\n	mov 40(%rax), %r8\n	mov 48(%rax), %r9\n	mov 56(%rax), "
    "%r10\n"
    "	mov 64(%rax), %r12\n	mov 72(%rax), %r13\n	mov 80(%rax), %r14\n	mov 88(%rax), "
    "%r15\n"
    "	mov $39, %r11d\n	mov %r11, %rax\n	xor %r11d, %r11d\n"
    "	syscall\n"
    "	mov 8(%rsp), %r11\n"
    "	mov %rbx, (%r11)\n	mov %rdx, 8(%r11)\n	mov %rsi, 16(%r11)\n	mov %rdi, "
    "24(%r11)\n"
    "	mov %rbp, 32(%r11)\n	mov %r8, 40(%r11)\n	mov %r9, 48(%r11)\n	mov %r10, "
    "56(%r11)\n"
    "	mov %r12, 64(%r11)\n	mov %r13, 72(%r11)\n	mov %r14, 80(%r11)\n	mov %r15, "
    "88(%r11)\n"
    "	pop %rdi\n	pop %rsi\n"
    "	pop %r15\n	pop %r14\n	pop %r13\n	pop %r12\n	pop %rbp\n	pop %rbx\n"
    "	ret\n");

int main(int argc, char **argv)
{
	const time_t end = time(NULL) + (argc > 1 ? atoi(argv[1]) : 1);
	uint64_t values[KEPT], after[KEPT];
	for (size_t i = 0; i < KEPT; i++)
		values[i] = 0x0101010101010101 * (i + 1);
	const int own = call_keeping(values, after);
	uint64_t wrong = 0;
	while (time(NULL) < end) {
		for (int turn = 0; turn < 1000; turn++) {
			wrong += call_keeping(values, after) != own;
			for (size_t i = 0; i < KEPT; i++)
				wrong += after[i] != values[i];
		}
	}
	printf("wrong %lu\n", (unsigned long)wrong);
	return wrong != 0;
}
