/* Which samples a case gets, and between which others: alternating, alone, and in blocks. */
#include <string.h>

#include "harness.h"
#include "tests/check.h"

#define ROUNDS (2UL * BENCH_BLOCK_MAX)

/* The cases that were measured, by their letter, and what each says that it took: how often it was
 * measured before. */
struct letter {
	char *order;
	char letter;
	unsigned measured;
};

static int note(void *context, double *ns, struct error *error)
{
	struct letter *self = context;
	(void)error;
	self->order[strlen(self->order)] = self->letter;
	*ns = self->measured++;
	return 0;
}

static void test_order(void)
{
	char order[4096] = "";
	struct letter letters[] = {
	    {order, 'a', 0}, {order, 'b', 0}, {order, 'c', 0}, {order, 'd', 0}};
	struct bench bench;
	struct error error;
	bench_init(&bench, ROUNDS, NULL);
	const struct bench_case cases[] = {
	    {"a", "group", "in each round", 1, false, note, &letters[0], 0},
	    {"b", "group", "alone", 50, true, note, &letters[1], 0},
	    {"c", "group", "in blocks", 1, false, note, &letters[2], 3},
	    {"d", "group", "in larger blocks", 1, false, note, &letters[3], 5},
	};
	for (size_t i = 0; i < 4; i++)
		CHECK_NUMBER(bench_add(&bench, &cases[i], &error), 0);
	CHECK_NUMBER(bench_run(&bench, &error), 0);
	/* Each once to begin with, the rounds, who is alone, and two turns of blocks. */
	CHECK_NUMBER(strspn(order, "abcd"), strlen(order));
	CHECK(!strncmp(order, "abcda", 5));
	CHECK_NUMBER(strspn(order + 4, "a"), ROUNDS);
	CHECK_TEXT(order + 4 + ROUNDS, "bb"
				       "ccccdddddd"
				       "ccccdddddd");
	CHECK_NUMBER(bench_find(&bench, "a")->count, ROUNDS);
	CHECK_NUMBER(bench_find(&bench, "b")->count, 2);
	CHECK_NUMBER(bench_find(&bench, "d")->count, 10);
	/* The first ever does not count, nor the first of a block: the second and the sixth. */
	const struct bench_row *row = bench_find(&bench, "c");
	CHECK_NUMBER(row->count, 6);
	const double wanted[] = {2, 3, 4, 6, 7, 8};
	for (size_t i = 0; i < 6; i++)
		CHECK(row->samples[i] == wanted[i]);
	bench_release(&bench);
}

/* Whole blocks also where there are fewer rounds. */
static void test_few_rounds(void)
{
	char order[256] = "";
	struct letter letter = {order, 'a', 0};
	struct bench bench;
	struct error error;
	bench_init(&bench, 1, NULL);
	const struct bench_case row = {"a",   "group", "in blocks", 1,
				       false, note,    &letter,	    BENCH_BLOCK_MAX};
	CHECK_NUMBER(bench_add(&bench, &row, &error), 0);
	CHECK_NUMBER(bench_run(&bench, &error), 0);
	CHECK_NUMBER(bench_find(&bench, "a")->count, BENCH_BLOCK_MAX);
	bench_release(&bench);
}

int main(void)
{
	test_order();
	test_few_rounds();
	return check_status();
}
