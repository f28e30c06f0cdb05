/* A machine for the library OS's system calls inside an ordinary process: the window and the pool
 * are mapped where a guest has them, and hypercalls end here. Page permissions are real, so that a
 * wrong touch is a fault of the test. One machine for each test program: the library OS keeps its
 * state in static memory, as a guest has only one of it. */
#ifndef MAYFLY_TESTS_GUEST_HOST_MACHINE_H
#define MAYFLY_TESTS_GUEST_HOST_MACHINE_H

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the library OS did to its machine. */
struct host_machine {
	const char *request; /* what is left of the request; the first part comes with the freeze */
	size_t request_length;
	size_t request_part; /* bytes that the monitor passes at a time */
	int request_late;    /* how often the next part is not there yet */
	char response[1 << 16], log[1 << 16];
	size_t response_length, log_length;
	char told[256]; /* the last line for the user */
	int spaces;	/* besides the first one */
	bool refuses_spaces;
	int runs; /* that they were made of */
	int freezes, reads, writes, protections, traces, roots, maps, unmaps, faults;
	int root; /* the root directory; -1: there is none */
	uint64_t slept_ns;
	int ended;	     /* 1: exit, 2: abort */
	int status;	     /* or signal */
	jmp_buf at_end;	     /* where exit and abort come out */
	sigjmp_buf at_fault; /* and faults that are the program's own mistake */
};

extern struct host_machine host;

/* Maps and starts everything, with a pool of that many pages. */
void host_start(size_t pool_pages);

/* The same with a root: an image, which is a file open for reading, or a directory; -1: none. */
void host_start_with_root(size_t pool_pages, int root);

/* Memory that the program may use, zeroed; for texts, its address. */
void *host_memory(size_t size);
uint64_t host_text(const char *text);

/* Calls a system call by name; pointers are passed through ADDRESS(). */
#define SYSTEM(name, ...) call_##name((const uint64_t[6]){__VA_ARGS__})
#define ADDRESS(pointer)  ((uint64_t)(pointer))

#endif
