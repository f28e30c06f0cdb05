/* Memory of idle slots. */
#ifndef MAYFLY_BENCH_MEMORY_H
#define MAYFLY_BENCH_MEMORY_H

#include <stddef.h>

#include "guest.h"
#include "util/error.h"

#define MEMORY_ROWS_MAX 4

/* Bytes for each slot. */
struct memory_row {
	const char *program; /* "hello" or "numpy" */
	size_t slots;
	/* Proportional set size of this process and its children: memory that the slots wrote,
	 * windows, and what the monitor allocated for them. */
	double process;
	/* Page tables, KVM's page tables, unreclaimable slab, stacks and other memory that is
	 * mapped for the kernel, per-CPU memory. */
	double kernel;
	double shared; /* not for each: the snapshot */
};

/* Opens 1, 100 and 1000 slots of `hello`, has each serve one request, and takes the difference of
 * what this process and the kernel hold to before, divided by their number. The snapshot, which all
 * share, was there before. Small numbers are measured several times; the median counts. */
int memory_measure(const char *isolation, struct memory_row rows[MEMORY_ROWS_MAX], size_t *count,
		   struct error *error);

/* The same for 1000 slots of `program`, after what stands in `rows` already. */
int memory_measure_program(const struct guest_program *program, const char *name,
			   const char *isolation, struct memory_row rows[MEMORY_ROWS_MAX],
			   size_t *count, struct error *error);

#endif
