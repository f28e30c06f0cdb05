/* What came out: rows, memory, and whether it is what was wanted. */
#ifndef MAYFLY_BENCH_REPORT_H
#define MAYFLY_BENCH_REPORT_H

#include <stdbool.h>

#include "harness.h"
#include "machine.h"
#include "memory.h"

#define REPORT_CHECKS_MAX 32

/* What was wanted of a figure: that it is at most `limit`. low, high: where it lies with a
 * confidence of 95 %, as far as medians were measured; 0 where that is not known. */
struct report_check {
	const char *title, *unit;
	double limit, measured, low, high;
};

struct report {
	const struct bench *bench;
	struct machine_facts machine;
	const char *isolation, *commit, *runtime; /* runtime: ONNX Runtime's version or NULL */
	struct memory_row memory[MEMORY_ROWS_MAX];
	size_t memory_count;
	struct report_check checks[REPORT_CHECKS_MAX];
	size_t check_count;
};

/* Fills in the checks whose rows were measured. */
void report_check(struct report *report);

/* Whether all of them hold. */
bool report_holds(const struct report *report);

/* Writes all as one JSON object to `path`. */
int report_write(const struct report *report, const char *path, struct error *error);

#endif
