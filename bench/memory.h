/* Memory of idle slots. */
#ifndef MAYFLY_BENCH_MEMORY_H
#define MAYFLY_BENCH_MEMORY_H

#include <stddef.h>

#include "util/error.h"

#define MEMORY_ROWS 3

/* Bytes for each slot. */
struct memory_row {
	size_t slots;
	double process; /* proportional set size of this process and its children: memory that the
			   slots wrote, windows, and what the monitor allocated for them */
	double kernel;	/* page tables, KVM's page tables, unreclaimable slab, stacks, per-CPU */
};

/* Opens 1, 100 and 1000 slots of `hello`, has each serve one request, and takes the difference of
 * what this process and the kernel hold to before, divided by their number. The snapshot, which all
 * share, was there before. Small numbers are measured several times; the median counts. */
int memory_measure(const char *isolation, struct memory_row rows[MEMORY_ROWS], struct error *error);

#endif
