/* Cases that take turns; see harness.h. */
#include "harness.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void bench_init(struct bench *bench, size_t rounds, const char *only)
{
	*bench = (struct bench){.rounds = rounds, .only = only};
}

void bench_release(struct bench *bench)
{
	for (size_t i = 0; i < bench->row_count; i++)
		free(bench->rows[i].samples);
	bench->row_count = 0;
}

bool bench_wants(const struct bench *bench, const char *name)
{
	return !bench->only || !strncmp(name, bench->only, strlen(bench->only));
}

bool bench_wants_any(const struct bench *bench, const struct bench_case *cases, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (bench_wants(bench, cases[i].name))
			return true;
	return false;
}

static size_t block_turns(const struct bench *bench)
{
	return (bench->rounds + BENCH_BLOCK_MAX - 1) / BENCH_BLOCK_MAX;
}

int bench_add(struct bench *bench, const struct bench_case *what, struct error *error)
{
	if (!bench_wants(bench, what->name))
		return 0;
	if (bench->row_count == BENCH_CASES_MAX)
		return error_set(error, ENOSPC, "more than %d cases", BENCH_CASES_MAX);
	double *samples = calloc(block_turns(bench) * BENCH_BLOCK_MAX, sizeof(*samples));
	if (!samples)
		return error_set(error, ENOMEM, "no memory for samples");
	bench->rows[bench->row_count++] = (struct bench_row){.what = *what, .samples = samples};
	return 0;
}

void bench_leave_out(struct bench *bench, const char *name, const char *reason)
{
	if (!bench_wants(bench, name) || bench->left_out_count == BENCH_LEFT_OUT_MAX)
		return;
	struct bench_left_out *left_out = &bench->left_out[bench->left_out_count++];
	left_out->name = name;
	snprintf(left_out->reason, sizeof(left_out->reason), "%s", reason);
}

static int measure(const struct bench_case *what, double *ns, struct error *error)
{
	int result = what->measure(what->context, ns, error);
	return result ? error_wrap(error, "%s", what->name) : 0;
}

static int run_round(struct bench *bench, size_t round, struct error *error)
{
	for (size_t i = 0; i < bench->row_count; i++) {
		struct bench_row *row = &bench->rows[(i + round) % bench->row_count];
		if (row->what.alone || row->what.block || round % row->what.every)
			continue;
		int result = measure(&row->what, &row->samples[row->count++], error);
		if (result)
			return result;
	}
	return 0;
}

static int run_alone(struct bench *bench, struct bench_row *row, struct error *error)
{
	for (size_t round = 0; round < bench->rounds; round += row->what.every) {
		int result = measure(&row->what, &row->samples[row->count++], error);
		if (result)
			return result;
	}
	return 0;
}

static int run_block(struct bench_row *row, struct error *error)
{
	double first;
	int result = measure(&row->what, &first, error);
	for (unsigned i = 0; i < row->what.block && !result; i++)
		result = measure(&row->what, &row->samples[row->count++], error);
	return result;
}

static int run_blocks(struct bench *bench, struct error *error)
{
	int result = 0;
	for (size_t turn = 0; turn < block_turns(bench); turn++)
		for (size_t i = 0; i < bench->row_count && !result; i++) {
			struct bench_row *row = &bench->rows[(i + turn) % bench->row_count];
			if (row->what.block)
				result = run_block(row, error);
		}
	return result;
}

static int compare_samples(const void *left, const void *right)
{
	double a = *(const double *)left, b = *(const double *)right;
	return (a > b) - (a < b);
}

int bench_run(struct bench *bench, struct error *error)
{
	int result = 0;
	double ignored;
	for (size_t i = 0; i < bench->row_count && !result; i++)
		result = measure(&bench->rows[i].what, &ignored, error);
	for (size_t round = 0; round < bench->rounds && !result; round++)
		result = run_round(bench, round, error);
	for (size_t i = 0; i < bench->row_count && !result; i++)
		if (bench->rows[i].what.alone)
			result = run_alone(bench, &bench->rows[i], error);
	if (!result)
		result = run_blocks(bench, error);
	for (size_t i = 0; i < bench->row_count; i++)
		qsort(bench->rows[i].samples, bench->rows[i].count, sizeof(double),
		      compare_samples);
	return result;
}

const struct bench_row *bench_find(const struct bench *bench, const char *name)
{
	for (size_t i = 0; i < bench->row_count; i++)
		if (!strcmp(bench->rows[i].what.name, name))
			return &bench->rows[i];
	return NULL;
}

double bench_quantile(const struct bench_row *row, double fraction)
{
	if (!row->count)
		return 0;
	return row->samples[(size_t)(fraction * (double)(row->count - 1) + 0.5)];
}

struct bench_interval bench_median_interval(const struct bench_row *row)
{
	if (!row->count)
		return (struct bench_interval){0};
	double half = 0.98 / sqrt((double)row->count); /* 1.96 sqrt(n / 4) ranks of n */
	if (half > 0.5)
		half = 0.5;
	return (struct bench_interval){bench_quantile(row, 0.5 - half),
				       bench_quantile(row, 0.5 + half)};
}
