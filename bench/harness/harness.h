/* The harness: cases that take turns, and the samples they leave.
 *
 * Cases alternate: in every round each case is measured once, beginning with another one each time.
 * So a machine that is slower for a while is slower for all, and no case always follows the same
 * one. What a case finds in the caches is what the others left there, as in a host with many
 * functions; `alone` cases are measured in a loop of their own instead.
 *
 * Cases with a `block` are measured after all others, in turns as well, but so many in a row in
 * each turn: every one but the first of a block, which does not count, finds the caches as itself
 * left them, and yet a slow moment hits both sides of a ratio.
 */
#ifndef MAYFLY_BENCH_HARNESS_H
#define MAYFLY_BENCH_HARNESS_H

#include <stdbool.h>
#include <stddef.h>

#include "util/error.h"

#define BENCH_CASES_MAX	   64
#define BENCH_LEFT_OUT_MAX 64
#define BENCH_REASON_SIZE  256

/* There is a turn of blocks for each so many rounds: a case with blocks of that size has a sample
 * for each round. */
#define BENCH_BLOCK_MAX 50

/* One measurement: does the work once (or a fixed number of times) and sets *ns to the nanoseconds
 * for one. What is not to be counted happens outside of the time that it takes. */
typedef int bench_measure(void *context, double *ns, struct error *error);

struct bench_case {
	const char *name;  /* the row's key */
	const char *group; /* rows of one group are drawn together */
	const char *title;
	unsigned every; /* measured in every n-th round; dear cases less often */
	bool alone;	/* measured after the others, in a tight loop */
	bench_measure *measure;
	void *context;	/* must live until bench_run() is over */
	unsigned block; /* 0: none; else up to BENCH_BLOCK_MAX, and `every` is not looked at */
};

struct bench_row {
	struct bench_case what;
	double *samples; /* sorted once bench_run() is over */
	size_t count;
};

struct bench {
	const char *only; /* only names that begin so; NULL: all */
	size_t rounds;
	struct bench_row rows[BENCH_CASES_MAX];
	size_t row_count;
	/* What could not be measured here, and why. */
	struct bench_left_out {
		const char *name;
		char reason[BENCH_REASON_SIZE];
	} left_out[BENCH_LEFT_OUT_MAX];
	size_t left_out_count;
};

/* `rounds` is at least 1. */
void bench_init(struct bench *bench, size_t rounds, const char *only);
void bench_release(struct bench *bench);

/* Whether a case of this name is wanted: what is not need not be set up. */
bool bench_wants(const struct bench *bench, const char *name);

/* Whether any of `count` cases is. */
bool bench_wants_any(const struct bench *bench, const struct bench_case *cases, size_t count);

/* Adds a case where it is wanted. */
int bench_add(struct bench *bench, const struct bench_case *what, struct error *error);

/* Notes that a row is missing; what was wanted and cannot be had is no failure of the bench. */
void bench_leave_out(struct bench *bench, const char *name, const char *reason);

/* Measures all cases, after one measurement of each that does not count. */
int bench_run(struct bench *bench, struct error *error);

/* The row called `name`, NULL where there is none. */
const struct bench_row *bench_find(const struct bench *bench, const char *name);

/* The sample below which `fraction` (0 to 1) of a measured row's samples lie. */
double bench_quantile(const struct bench_row *row, double fraction);

/* Where the median of what was sampled lies with a confidence of 95 %: the samples whose ranks are
 * 1.96 standard deviations of the binomial distribution around the middle, whatever the samples'
 * own distribution. */
struct bench_interval {
	double low, high;
};
struct bench_interval bench_median_interval(const struct bench_row *row);

#endif
