/* Arguments and arrays of them: every type, every error. */
#include <stdlib.h>

#include "check.h"
#include "vaccel.h"

static void test_single(void)
{
	int32_t value = 7;
	struct vaccel_arg arg;
	CHECK_NUMBER(vaccel_arg_init(NULL, &value, 4, VACCEL_ARG_INT32, 0), VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_arg_init(&arg, &value, 0, VACCEL_ARG_INT32, 0), VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_arg_init_from_buf(&arg, NULL, 4, VACCEL_ARG_INT32, 0), VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_arg_init(&arg, &value, 4, VACCEL_ARG_INT32, 3), VACCEL_OK);
	CHECK(arg.owned && arg.buf != &value && *(int32_t *)arg.buf == 7);
	CHECK_NUMBER(arg.custom_type_id, 3);
	CHECK_NUMBER(vaccel_arg_release(&arg), VACCEL_OK);
	CHECK(!arg.buf && !arg.owned && arg.type == VACCEL_ARG_MAX);
	CHECK_NUMBER(vaccel_arg_init(&arg, NULL, 16, VACCEL_ARG_RAW, 0), VACCEL_OK);
	CHECK_NUMBER(((const char *)arg.buf)[15], 0);
	vaccel_arg_release(&arg);
	CHECK_NUMBER(vaccel_arg_delete(NULL), VACCEL_EINVAL);
}

/* Adds a scalar and an array, reads both, overwrites both, and sees each kind of mistake. */
#define DEFINE_TEST(name, c_type, scalar, array_type)                                              \
	static void test_##name(void)                                                              \
	{                                                                                          \
		c_type one = (c_type)1, read, other = (c_type)0;                                   \
		c_type many[] = {(c_type)1, (c_type)0, (c_type)1}, *got;                           \
		size_t count;                                                                      \
		struct vaccel_arg_array args;                                                      \
		CHECK_NUMBER(vaccel_arg_array_init(&args, 1), VACCEL_OK);                          \
		CHECK_NUMBER(vaccel_arg_array_add_##name(&args, &one), VACCEL_OK);                 \
		CHECK_NUMBER(vaccel_arg_array_add_##name##_array(&args, many, 3), VACCEL_OK);      \
		CHECK_NUMBER(vaccel_arg_array_add_##name(&args, NULL), VACCEL_EINVAL);             \
		CHECK_NUMBER(vaccel_arg_array_add_##name##_array(&args, many, 0), VACCEL_EINVAL);  \
		CHECK_NUMBER(vaccel_arg_array_add_##name##_array(&args, many, SIZE_MAX),           \
			     sizeof(c_type) > 1 ? VACCEL_EINVAL : VACCEL_OK);                      \
		if (sizeof(c_type) == 1)                                                           \
			args.count--;                                                              \
		CHECK(args.args[0].type == scalar && args.args[1].type == array_type);             \
		CHECK(args.args[0].buf == &one && args.args[1].size == sizeof(many));              \
		CHECK_NUMBER(vaccel_arg_array_get_##name##_array(&args, &got, &count),             \
			     VACCEL_EINVAL);                                                       \
		CHECK_NUMBER(vaccel_arg_array_get_##name(&args, &read), VACCEL_OK);                \
		CHECK(read == one);                                                                \
		CHECK_NUMBER(vaccel_arg_array_get_##name(&args, &read), VACCEL_EINVAL);            \
		CHECK_NUMBER(vaccel_arg_array_get_##name##_array(&args, &got, &count), VACCEL_OK); \
		CHECK(got == many && count == 3);                                                  \
		CHECK_NUMBER(vaccel_arg_array_get_##name(&args, &read), VACCEL_ERANGE);            \
		vaccel_arg_array_reset_position(&args);                                            \
		CHECK_NUMBER(vaccel_arg_array_set_##name(&args, &other), VACCEL_OK);               \
		CHECK(one == other);                                                               \
		c_type four[] = {(c_type)1, (c_type)1, (c_type)1, (c_type)1};                      \
		CHECK_NUMBER(vaccel_arg_array_set_##name##_array(&args, four, 4), VACCEL_EINVAL);  \
		CHECK_NUMBER(vaccel_arg_array_set_##name##_array(&args, four, 3), VACCEL_OK);      \
		CHECK(many[1] == (c_type)1);                                                       \
		CHECK_NUMBER(vaccel_arg_array_set_##name(&args, &other), VACCEL_ERANGE);           \
		CHECK_NUMBER(vaccel_arg_array_release(&args), VACCEL_OK);                          \
	}
VACCEL_ARG_NUMERIC_TYPES(DEFINE_TEST)

static void test_text_and_bytes(void)
{
	struct vaccel_arg_array args;
	char text[16] = "mayfly", bytes[8] = "bytes", unterminated[4] = {'a', 'b', 'c', 'd'};
	char *string;
	void *data;
	size_t size;
	vaccel_arg_array_init(&args, 0);
	CHECK_NUMBER(vaccel_arg_array_add_string(&args, text), VACCEL_OK);
	CHECK_NUMBER(vaccel_arg_array_add_buffer(&args, bytes, sizeof(bytes)), VACCEL_OK);
	CHECK_NUMBER(vaccel_arg_array_add_raw(&args, bytes, 3), VACCEL_OK);
	CHECK_NUMBER(vaccel_arg_array_add_string(&args, NULL), VACCEL_EINVAL);
	CHECK_NUMBER(args.args[0].size, 7);
	CHECK_NUMBER(vaccel_arg_array_get_string(&args, &string), VACCEL_OK);
	CHECK_TEXT(string, "mayfly");
	CHECK_NUMBER(vaccel_arg_array_get_string(&args, &string), VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_arg_array_get_buffer(&args, &data, &size), VACCEL_OK);
	CHECK(data == bytes && size == sizeof(bytes));
	CHECK_NUMBER(vaccel_arg_array_get_raw(&args, &data, &size), VACCEL_OK);
	CHECK_NUMBER(size, 3);
	vaccel_arg_array_reset_position(&args);
	CHECK_NUMBER(vaccel_arg_array_set_string(&args, (char *)"mayflies"), VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_arg_array_set_string(&args, (char *)"fly"), VACCEL_OK);
	CHECK_TEXT(text, "fly");
	args.args[0].buf = unterminated;
	args.args[0].size = sizeof(unterminated);
	vaccel_arg_array_reset_position(&args);
	CHECK_NUMBER(vaccel_arg_array_get_string(&args, &string), VACCEL_EINVAL);
	vaccel_arg_array_release(&args);
}

static bool is_even(const void *buf, size_t size, uint32_t custom_id)
{
	return size == sizeof(int) && custom_id == 9 && *(const int *)buf % 2 == 0;
}

static int serialize(const void *data, size_t data_size, uint32_t id, void **buf, size_t *size)
{
	(void)id;
	*buf = malloc(data_size);
	if (!*buf)
		return VACCEL_ENOMEM;
	memcpy(*buf, data, data_size);
	*size = data_size;
	return VACCEL_OK;
}

static int deserialize(const void *buf, size_t size, uint32_t id, size_t data_size, void *data)
{
	(void)id;
	if (size != data_size)
		return VACCEL_ERANGE;
	memcpy(data, buf, size);
	return VACCEL_OK;
}

static void test_custom(void)
{
	struct vaccel_arg_array args;
	int even = 4, odd = 5, read = 0;
	void *data;
	size_t size;
	vaccel_arg_array_init(&args, 0);
	CHECK_NUMBER(vaccel_arg_array_add_custom(&args, 9, &odd, sizeof(odd), is_even),
		     VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_arg_array_add_custom(&args, 9, &even, sizeof(even), is_even),
		     VACCEL_OK);
	CHECK_NUMBER(vaccel_arg_array_add_serialized(&args, VACCEL_ARG_CUSTOM, 5, &odd, sizeof(odd),
						     serialize),
		     VACCEL_OK);
	CHECK(args.args[1].owned && args.args[1].buf != &odd);
	CHECK_NUMBER(vaccel_arg_array_get_custom(&args, 8, &data, &size, is_even), VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_arg_array_get_custom(&args, 9, &data, &size, is_even), VACCEL_OK);
	CHECK(data == &even);
	CHECK_NUMBER(
	    vaccel_arg_array_get_serialized(&args, VACCEL_ARG_CUSTOM, 5, &read, 2, deserialize),
	    VACCEL_ERANGE);
	CHECK_NUMBER(vaccel_arg_array_get_serialized(&args, VACCEL_ARG_CUSTOM, 5, &read,
						     sizeof(read), deserialize),
		     VACCEL_OK);
	CHECK_NUMBER(read, 5);
	vaccel_arg_array_set_position(&args, 1);
	CHECK_NUMBER(vaccel_arg_array_set_serialized(&args, VACCEL_ARG_CUSTOM, 5, &even,
						     sizeof(even), serialize),
		     VACCEL_OK);
	CHECK_NUMBER(*(int *)args.args[1].buf, 4);
	vaccel_arg_array_release(&args);
}

static void test_ranges(void)
{
	struct vaccel_arg_array source, target, wrapped;
	struct vaccel_arg fixed[2];
	struct vaccel_arg *rest;
	int values[3] = {1, 2, 3};
	size_t count;
	vaccel_arg_array_init(&source, 1);
	vaccel_arg_array_init(&target, 1);
	for (size_t i = 0; i < 3; i++)
		vaccel_arg_array_add_int32(&source, &values[i]);
	CHECK_NUMBER(vaccel_arg_array_add_range(&target, &source, 1, 3, false), VACCEL_ERANGE);
	CHECK_NUMBER(vaccel_arg_array_add_range(&target, &source, SIZE_MAX, 2, false),
		     VACCEL_ERANGE);
	CHECK_NUMBER(target.count, 0);
	CHECK_NUMBER(vaccel_arg_array_add_range(&target, &source, 1, 2, true), VACCEL_OK);
	CHECK(target.args[0].owned && target.args[0].buf != &values[1]);
	vaccel_arg_array_set_position(&source, 2);
	CHECK_NUMBER(vaccel_arg_array_add_remaining(&target, &source, false), VACCEL_OK);
	CHECK(!target.args[2].owned && target.args[2].buf == &values[2]);
	CHECK_NUMBER(vaccel_arg_array_add_all(&target, &target, true), VACCEL_OK);
	CHECK_NUMBER(target.count, 6);
	CHECK_NUMBER(vaccel_arg_array_get_remaining(&target, &rest, &count), VACCEL_OK);
	CHECK(rest == target.args && count == 6);
	CHECK_NUMBER(vaccel_arg_array_remaining_count(&target), 6);
	vaccel_arg_array_set_position(&target, 100);
	CHECK_NUMBER(vaccel_arg_array_position(&target), 6);

	CHECK_NUMBER(vaccel_arg_init_from_buf(&fixed[0], &values[0], 4, VACCEL_ARG_INT32, 0), 0);
	CHECK_NUMBER(vaccel_arg_init_from_buf(&fixed[1], &values[1], 4, VACCEL_ARG_INT32, 0), 0);
	CHECK_NUMBER(vaccel_arg_array_wrap(&wrapped, fixed, 2), VACCEL_OK);
	CHECK_NUMBER(vaccel_arg_array_add_int32(&wrapped, values), VACCEL_ERANGE);
	CHECK_NUMBER(vaccel_arg_array_release(&wrapped), VACCEL_OK);
	CHECK(fixed[0].buf == &values[0]);
	vaccel_arg_array_release(&source);
	vaccel_arg_array_release(&target);
}

#define CALL_TEST(name, c_type, scalar, array_type) test_##name();

int main(void)
{
	test_single();
	VACCEL_ARG_NUMERIC_TYPES(CALL_TEST)
	test_text_and_bytes();
	test_custom();
	test_ranges();
	return check_status();
}
