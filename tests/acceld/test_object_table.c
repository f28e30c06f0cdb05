/* The numbers of a connection's objects: limits, mark, hide, reset. */
#include <errno.h>
#include <stdint.h>

#include "acceld/worker/object_table.h"
#include "check.h"

/* Objects are indices into these. */
struct log {
	int destroyed[16], shown[16];
	int newest_first[16], count;
	int show_result;
};

static void *object_of(intptr_t index)
{
	return (void *)index;
}

static void destroy(void *object, void *context)
{
	struct log *log = context;
	log->destroyed[(intptr_t)object]++;
	log->newest_first[log->count++] = (int)(intptr_t)object;
}

static int show(void *object, void *context)
{
	struct log *log = context;
	log->shown[(intptr_t)object]++;
	return log->show_result;
}

static bool is_even(const void *object, const void *argument)
{
	return (intptr_t)object % 2 == 0;
}

static void test_numbers(void)
{
	struct log log = {0};
	struct object_table table;
	CHECK_NUMBER(object_table_init(&table, 3, destroy, &log), 0);
	CHECK_NUMBER(object_table_add(&table, object_of(1)), 1);
	CHECK_NUMBER(object_table_add(&table, object_of(2)), 2);
	CHECK(!object_table_is_full(&table));
	CHECK_NUMBER(object_table_add(&table, object_of(3)), 3);
	CHECK(object_table_is_full(&table));
	CHECK(object_table_get(&table, 2) == object_of(2));
	CHECK(!object_table_get(&table, 0));
	CHECK(!object_table_get(&table, -1));
	CHECK(!object_table_get(&table, 4));
	CHECK(object_table_take_away(&table, 2));
	CHECK_NUMBER(log.destroyed[2], 1);
	CHECK(!object_table_take_away(&table, 2));
	CHECK(!object_table_get(&table, 2));
	/* A number is not given out twice, so a stale one finds nothing. */
	CHECK_NUMBER(object_table_add(&table, object_of(4)), 4);
	object_table_release(&table);
	CHECK_NUMBER(log.destroyed[1] + log.destroyed[3] + log.destroyed[4], 3);
	CHECK(log.newest_first[1] == 4 && log.newest_first[2] == 3 && log.newest_first[3] == 1);
}

static void test_mark_and_reset(void)
{
	struct log log = {0};
	struct object_table table;
	object_table_init(&table, 8, destroy, &log);
	object_table_add(&table, object_of(1));
	object_table_add(&table, object_of(2));
	object_table_mark(&table);
	for (int round = 1; round <= 3; round++) {
		CHECK_NUMBER(object_table_add(&table, object_of(3)), 3);
		CHECK_NUMBER(object_table_add(&table, object_of(4)), 4);
		CHECK(object_table_take_away(&table, 1));
		CHECK(!object_table_get(&table, 1));
		CHECK(!object_table_take_away(&table, 1));
		CHECK(object_table_take_away(&table, 3));
		CHECK_NUMBER(log.destroyed[1], 0);
		CHECK_NUMBER(object_table_reset(&table, show), 0);
		CHECK(object_table_get(&table, 1) == object_of(1));
		CHECK_NUMBER(log.shown[1], round);
		CHECK_NUMBER(log.shown[2], 0);
		CHECK_NUMBER(log.destroyed[3], round);
		CHECK_NUMBER(log.destroyed[4], round);
	}
	/* A second mark: what is hidden then is gone for good. */
	object_table_take_away(&table, 1);
	object_table_mark(&table);
	CHECK_NUMBER(log.destroyed[1], 1);
	CHECK_NUMBER(object_table_reset(&table, NULL), 0);
	CHECK(!object_table_get(&table, 1));
	CHECK(object_table_get(&table, 2) == object_of(2));
	object_table_release(&table);
	CHECK_NUMBER(log.destroyed[2], 1);
}

static void test_reset_without_mark_and_failure(void)
{
	struct log log = {0};
	struct object_table table;
	object_table_init(&table, 8, destroy, &log);
	object_table_add(&table, object_of(1));
	CHECK_NUMBER(object_table_reset(&table, NULL), 0);
	CHECK_NUMBER(log.destroyed[1], 1);
	CHECK_NUMBER(object_table_add(&table, object_of(2)), 1);
	object_table_mark(&table);
	object_table_take_away(&table, 1);
	log.show_result = -EIO;
	CHECK_NUMBER(object_table_reset(&table, show), -EIO);
	CHECK(!object_table_get(&table, 1));
	object_table_release(&table);
	CHECK_NUMBER(log.destroyed[2], 1);
}

static void test_take_away_if(void)
{
	struct log log = {0};
	struct object_table table;
	object_table_init(&table, 8, destroy, &log);
	for (intptr_t i = 1; i <= 2; i++)
		object_table_add(&table, object_of(i));
	object_table_mark(&table);
	for (intptr_t i = 3; i <= 6; i++)
		object_table_add(&table, object_of(i));
	object_table_take_away_if(&table, is_even, NULL);
	CHECK(!object_table_get(&table, 2) && !log.destroyed[2]);
	CHECK(log.destroyed[4] == 1 && log.destroyed[6] == 1);
	CHECK(object_table_get(&table, 1) && object_table_get(&table, 3) &&
	      object_table_get(&table, 5));
	object_table_release(&table);
}

int main(void)
{
	test_numbers();
	test_mark_and_reset();
	test_reset_without_mark_and_failure();
	test_take_away_if();
	return check_status();
}
