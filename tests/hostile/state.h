/* The processor's state as a request finds it: state.c leaves what it can of each part and looks at
 * it, test_state.c compares. */
#ifndef MAYFLY_TESTS_STATE_H
#define MAYFLY_TESTS_STATE_H

#include <stdint.h>

#define STATE_EXTENDED_MAX 16384 /* what XSAVE writes: 11 KiB with AMX */

struct processor_state {
	/* As XSAVE64 writes it; what it leaves out is zero. */
	uint8_t extended[STATE_EXTENDED_MAX];
	uint8_t x87_environment[32]; /* FNSTENV: tells pointers that XSAVE may leave out */
	uint64_t flags;
	uint64_t cs, ss, ds, es, fs, gs;
	uint64_t fs_base, gs_base;
	uint64_t components; /* XCR0 */
	uint64_t in_use;     /* XGETBV 1, where there is that; else 0 */
} __attribute__((aligned(64)));

/* The first word of an answer to "leave": what could be changed, before it is left. */
struct state_changes {
	uint64_t available;  /* components in XCR0 */
	uint64_t components; /* those that took what was loaded into them */
	uint64_t flags;	     /* bits that changed */
	uint64_t selectors;  /* one bit for each of ds, es, fs, gs, ss: another one was accepted */
	uint64_t x87_pointers; /* there were any */
};

#endif
