/* A program that works against its monitor. The request names an attack, or asks for "check": is
 * this clone as clean as the first? Arguments make the set-up itself hostile. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "mayfly/guest_abi.h"

#define TRACE	     0x5ec4e7UL
#define CODE_SIZE    4096
#define REQUEST_SIZE 1024
#define MXCSR_ODD    0x9fc0U
#define MXCSR_NEW    0x1f80U
#define MXCSR_MODE   0xffc0U /* without the flags of exceptions that happened */

static volatile uint64_t trace;
static uint8_t code[CODE_SIZE] __attribute__((aligned(CODE_SIZE)));

static volatile struct guest_control *control(void)
{
	return (volatile struct guest_control *)GUEST_WINDOW_BASE;
}

static int64_t hypercall(uint64_t number, uint64_t first, uint64_t second, uint64_t third)
{
	uint64_t page = GUEST_HYPERCALL;
	control()->arguments[0] = first;
	control()->arguments[1] = second;
	control()->arguments[2] = third;
	control()->hypercall = number;
	__asm__ volatile("sub $256, %%rsp; call *%0; add $256, %%rsp"
			 : "+a"(page)
			 :
			 : "rcx", "r11", "memory", "cc");
	return control()->result;
}

/* The library OS hands out requests from there: what lies behind this one is somebody else's. */
static const char *request_area(void)
{
	return (const char *)(GUEST_WINDOW_BASE + WINDOW_REQUEST_OFFSET);
}

/* ── traces ──────────────────────────────────────────────────────────────────────────────────── */

static volatile uint64_t *arena(void)
{
	return (volatile uint64_t *)(GUEST_WINDOW_BASE + WINDOW_ARENA_OFFSET);
}

static void leave_traces(void)
{
	uint64_t value = TRACE;
	uint32_t mxcsr = MXCSR_ODD;
	trace = *arena() = value;
	close(open("/tmp/trace", O_CREAT | O_WRONLY, 0600));
	__asm__ volatile("movq %0, %%xmm15; ldmxcsr %1" : : "r"(value), "m"(mxcsr) : "xmm15");
}

static const char *find_traces(void)
{
	uint64_t value;
	uint32_t mxcsr;
	__asm__ volatile("movq %%xmm15, %0; stmxcsr %1" : "=r"(value), "=m"(mxcsr));
	if (value == TRACE || (mxcsr & MXCSR_MODE) != MXCSR_NEW)
		return "vector registers";
	if (trace || *arena())
		return "memory";
	for (size_t i = strlen("check"); i < REQUEST_SIZE; i++)
		if (request_area()[i])
			return "a request";
	return access("/tmp/trace", F_OK) ? NULL : "a file";
}

static int check(void)
{
	const char *found = find_traces();
	puts(found ? found : "clean");
	return found != NULL;
}

/* ── attacks ─────────────────────────────────────────────────────────────────────────────────── */

/* Runs the instructions that stand in hexadecimal at `text`, with these registers. */
static int execute(uint64_t rax, uint64_t rdx, uint64_t rcx, const char *text)
{
	size_t length = 0;
	for (unsigned byte; length < CODE_SIZE - 1 && sscanf(text, "%2x", &byte) == 1; text += 2)
		code[length++] = (uint8_t)byte;
	code[length] = 0xc3; /* ret */
	if (mprotect(code, CODE_SIZE, PROT_READ | PROT_EXEC))
		return 3;
	void *to = (void *)&trace;
	const void *from = (const void *)&trace;
	__asm__ volatile("sub $256, %%rsp; call code; add $256, %%rsp; cld"
			 : "+a"(rax), "+d"(rdx), "+c"(rcx), "+D"(to), "+S"(from)
			 :
			 : "rbx", "r8", "r9", "r10", "r11", "memory", "cc");
	return 0;
}

static int change_permissions(uint64_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return 3;
	for (int i = 0; i < 8; i++)
		if (mprotect(memory, size, PROT_NONE) ||
		    mprotect(memory, size, PROT_READ | PROT_WRITE))
			return 4;
	return 0;
}

/* Maps pages a GiB from one another, each of which takes tables of its own,
 * until it may no more. */
static int scatter(uint64_t start)
{
	enum { PLACES = 1024 };
	int count = 0;
	const uint64_t memory = GUEST_POOL_BASE + (16UL << 20); /* that nobody uses yet */
	control()->arguments[3] = GUEST_READ | GUEST_WRITE;
	while (count < PLACES && !hypercall(HYPERCALL_MAP, start + ((uint64_t)count << 30),
					    memory + (uint64_t)count * 4096, 4096))
		count++;
	printf("%d places\n", count);
	return 0;
}

static int attack(const char *name, char *arguments)
{
	uint64_t numbers[4] = {0};
	for (size_t i = 0; i < 4; i++)
		numbers[i] = strtoull(arguments, &arguments, 0);
	while (*arguments == ' ')
		arguments++;
	if (!strcmp(name, "hypercall"))
		hypercall(numbers[0], numbers[1], numbers[2], numbers[3]);
	else if (!strcmp(name, "flood"))
		for (;;)
			hypercall(numbers[0], numbers[1], numbers[2], numbers[3]);
	else if (!strcmp(name, "response")) {
		control()->response_length = numbers[1];
		hypercall(numbers[0], 0, 0, 0);
	} else if (!strcmp(name, "execute")) {
		control()->hypercall = numbers[0];
		return execute(numbers[1], numbers[2], numbers[3], arguments);
	} else if (!strcmp(name, "permissions")) {
		return change_permissions(numbers[0]);
	} else if (!strcmp(name, "scatter")) {
		return scatter(numbers[0]);
	} else {
		return 2;
	}
	return 0;
}

int main(int argc, char **argv)
{
	static char stolen[64], request[REQUEST_SIZE];
	const char *setup = argc > 1 ? argv[1] : "";
	if (!strcmp(setup, "--no-request")) {
		int status = check();
		leave_traces();
		fflush(stdout);
		_exit(status);
	}
	if (!strcmp(setup, "--peek")) {
		hypercall(HYPERCALL_READ, 0, 0, 0);
		memcpy(stolen, request_area(), sizeof(stolen) - 1);
	}
	if (!strcmp(setup, "--announce")) {
		puts("announced");
		fflush(stdout);
	}
	if (read(STDIN_FILENO, request, sizeof(request) - 1) < 0)
		return 2;
	if (*stolen)
		return printf("stolen: %s\n", stolen) > 0;
	if (!strcmp(request, "check"))
		return check();
	leave_traces();
	char *arguments = strchr(request, ' ');
	if (!arguments)
		return 2;
	*arguments++ = 0;
	return attack(request, arguments);
}
