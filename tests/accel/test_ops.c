/* Ops on arrays and with any arguments, by their functions and by vaccel_genop(), and lists of arguments
 * as they were before arrays. */
#include <stdint.h>
#include <stdlib.h>

#include "check.h"
#include "vaccel.h"

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

#define COUNT 5

static struct vaccel_session session;

static void test_fpga(void)
{
	int in[COUNT] = {1, 2, 3, 4, 5}, copy[COUNT] = {0};
	float a[COUNT] = {1, 2, 3, 4, 5}, b[COUNT] = {5, 4, 3, 2, 1}, c[COUNT] = {0},
	      d[COUNT] = {0};
	CHECK_NUMBER(vaccel_fpga_arraycopy(&session, in, copy, COUNT), VACCEL_OK);
	CHECK_NUMBER(vaccel_fpga_vadd(&session, a, b, c, COUNT, COUNT), VACCEL_OK);
	for (int i = 0; i < COUNT; i++)
		CHECK(copy[i] == in[i] && c[i] == 6);
	CHECK_NUMBER(vaccel_fpga_mmult(&session, a, b, c, COUNT), VACCEL_OK);
	CHECK(c[0] == 9.1F && c[COUNT - 1] == 9.1F);
	CHECK_NUMBER(vaccel_fpga_parallel(&session, a, b, c, d, COUNT), VACCEL_OK);
	CHECK(c[1] == 6 && d[1] == 1);

	CHECK_NUMBER(vaccel_fpga_arraycopy(&session, in, copy, 0), VACCEL_OK);
	CHECK_NUMBER(vaccel_fpga_arraycopy(NULL, in, copy, COUNT), VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_fpga_arraycopy(&session, NULL, copy, COUNT), VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_fpga_arraycopy(&session, in, NULL, COUNT), VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_fpga_arraycopy(&session, in, copy, SIZE_MAX), VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_fpga_arraycopy(&session, in, copy, SIZE_MAX / 4 + 1), VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_fpga_vadd(NULL, a, b, c, COUNT, COUNT), VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_fpga_vadd(&session, a, b, c, COUNT, COUNT - 1), VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_fpga_mmult(&session, a, NULL, c, COUNT), VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_fpga_parallel(&session, a, b, c, NULL, COUNT), VACCEL_EINVAL);
}

static void test_minmax(void)
{
	double in[COUNT] = {3, 1, 2}, out[COUNT] = {0}, min = 0, max = 0;
	CHECK_NUMBER(vaccel_minmax(&session, in, COUNT, 0, 10, out, &min, &max), VACCEL_OK);
	CHECK(out[0] == 3 && out[2] == 2 && min == -1 && max == 10000);
	CHECK_NUMBER(vaccel_minmax(&session, in, 0, 0, 10, out, &min, &max), VACCEL_OK);
	CHECK_NUMBER(vaccel_minmax(NULL, in, COUNT, 0, 10, out, &min, &max), VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_minmax(&session, in, -1, 0, 10, out, &min, &max), VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_minmax(&session, NULL, COUNT, 0, 10, out, &min, &max), VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_minmax(&session, in, COUNT, 0, 10, out, NULL, &max), VACCEL_EINVAL);
}

static void test_sgemm(void)
{
	float a[6] = {0}, b[6] = {0}, c[4] = {0};
	CHECK_NUMBER(vaccel_sgemm(&session, 2, 2, 3, 1, a, 3, b, 2, 0, c, 2), VACCEL_OK);
	CHECK_NUMBER(vaccel_sgemm(&session, 0, 0, 0, 1, a, 0, b, 0, 0, c, 0), VACCEL_OK);
	CHECK_NUMBER(vaccel_sgemm(NULL, 2, 2, 3, 1, a, 3, b, 2, 0, c, 2), VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_sgemm(&session, -2, 2, 3, 1, a, 3, b, 2, 0, c, 2), VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_sgemm(&session, 2, 2, 3, 1, a, 2, b, 2, 0, c, 2), VACCEL_EINVAL);
	CHECK_NUMBER(
	    vaccel_sgemm(&session, INT64_MAX, 2, INT64_MAX, 1, a, INT64_MAX, b, 2, 0, c, 2),
	    VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_sgemm(&session, 2, 2, 3, 1, NULL, 3, b, 2, 0, c, 2), VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_sgemm(&session, 2, 2, 3, 1, a, 3, b, 2, 0, NULL, 2), VACCEL_EINVAL);
}

static void test_exec(void)
{
	int32_t in = 10, out = 0;
	struct vaccel_arg read = {.buf = &in, .size = sizeof(in), .type = VACCEL_ARG_INT32};
	struct vaccel_arg write = {.buf = &out, .size = sizeof(out), .type = VACCEL_ARG_INT32};
	struct vaccel_arg nothing = {.type = VACCEL_ARG_RAW};
	struct vaccel_arg wild = {.size = 4, .type = VACCEL_ARG_RAW};
	CHECK_NUMBER(vaccel_exec(&session, "lib.so", "f", &read, 1, &write, 1), VACCEL_OK);
	CHECK_NUMBER(out, 10);
	CHECK_NUMBER(vaccel_exec(&session, "lib.so", "f", &nothing, 1, &nothing, 1), VACCEL_OK);
	CHECK_NUMBER(vaccel_exec(&session, "lib.so", "f", NULL, 0, NULL, 0), VACCEL_OK);
	CHECK_NUMBER(vaccel_exec(NULL, "lib.so", "f", &read, 1, &write, 1), VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_exec(&session, NULL, "f", &read, 1, &write, 1), VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_exec(&session, "lib.so", NULL, &read, 1, &write, 1), VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_exec(&session, "lib.so", "f", NULL, 1, &write, 1), VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_exec(&session, "lib.so", "f", &wild, 1, &write, 1), VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_exec(&session, "lib.so", "f", &read, 1, &wild, 1), VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_exec(&session, "lib.so", "f", &read, SIZE_MAX, &write, 1),
		     VACCEL_EINVAL);
	/* More than have room on the stack. */
	enum { MANY = 100 };
	struct vaccel_arg reads[MANY], writes[MANY];
	for (int i = 0; i < MANY; i++) {
		reads[i] = read;
		writes[i] = write;
	}
	CHECK_NUMBER(vaccel_exec(&session, "lib.so", "f", reads, MANY, writes, MANY), VACCEL_OK);
}

static void test_exec_with_resource(void)
{
	struct vaccel_resource library, data;
	int32_t in = 10, out = 0;
	struct vaccel_arg read = {.buf = &in, .size = sizeof(in), .type = VACCEL_ARG_INT32};
	struct vaccel_arg write = {.buf = &out, .size = sizeof(out), .type = VACCEL_ARG_INT32};
	CHECK(!vaccel_resource_init_from_buf(&library, "\177ELF", 4, VACCEL_RESOURCE_LIB, NULL,
					     true));
	CHECK(!vaccel_resource_init_from_buf(&data, "x", 1, VACCEL_RESOURCE_DATA, NULL, true));
	CHECK_NUMBER(vaccel_exec_with_resource(&session, &library, "f", &read, 1, &write, 1),
		     VACCEL_EPERM);
	CHECK(!vaccel_resource_register(&library, &session));
	CHECK_NUMBER(vaccel_exec_with_resource(&session, &library, "f", &read, 1, &write, 1),
		     VACCEL_OK);
	CHECK_NUMBER(out, 10);
	CHECK_NUMBER(vaccel_exec_with_resource(&session, &data, "f", &read, 1, &write, 1),
		     VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_exec_with_resource(&session, NULL, "f", &read, 1, &write, 1),
		     VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_exec_with_resource(NULL, &library, "f", &read, 1, &write, 1),
		     VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_exec_with_resource(&session, &library, NULL, &read, 1, &write, 1),
		     VACCEL_EINVAL);
	CHECK(!vaccel_resource_release(&library));
	CHECK_NUMBER(vaccel_exec_with_resource(&session, &library, "f", &read, 1, &write, 1) != 0,
		     1);
	CHECK(!vaccel_resource_release(&data));
}

static void test_opencv(void)
{
	uint8_t number = 3;
	float result[8] = {0};
	size_t header;
	struct vaccel_arg read = {.buf = &number, .size = 1, .type = VACCEL_ARG_UINT8};
	struct vaccel_arg write = {.buf = result, .size = sizeof(result), .type = VACCEL_ARG_RAW};
	CHECK_NUMBER(vaccel_opencv_unpack(&session, &read, 1, &write, 1), VACCEL_OK);
	memcpy(&header, result, sizeof(header));
	CHECK_NUMBER(header, 8);
	CHECK_NUMBER(vaccel_opencv_unpack(NULL, &read, 1, &write, 1), VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_opencv_unpack(&session, &read, -1, &write, 1), VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_opencv_unpack(&session, NULL, 1, &write, 1), VACCEL_EINVAL);
}

/* ── vaccel_genop() ──────────────────────────────────────────────────────────────────────────── */

static int call_generic(uint8_t op, struct vaccel_arg *read, int nr_read, struct vaccel_arg *write,
			int nr_write)
{
	struct vaccel_arg args[16] = {{.buf = &op, .size = 1, .type = VACCEL_ARG_UINT8}};
	memcpy(args + 1, read, (size_t)nr_read * sizeof(*read));
	return vaccel_genop(&session, args, nr_read + 1, write, nr_write);
}

#define ARG(kind, value)                                                                           \
	{                                                                                          \
		.buf = &(value), .size = sizeof(value), .type = VACCEL_ARG_##kind                  \
	}

static void test_generic(void)
{
	char library[] = "lib.so", symbol[] = "f", endless[1] = {'f'};
	int32_t in = 7, out = 0;
	struct vaccel_arg exec[] = {ARG(STRING, library), ARG(STRING, symbol), ARG(INT32, in)};
	struct vaccel_arg exec_out = ARG(INT32, out);
	CHECK_NUMBER(call_generic(VACCEL_OP_EXEC, exec, 3, &exec_out, 1), VACCEL_OK);
	CHECK_NUMBER(out, 7);
	CHECK_NUMBER(call_generic(VACCEL_OP_EXEC, exec, 1, &exec_out, 1), VACCEL_EINVAL);
	exec[1] = (struct vaccel_arg)ARG(STRING, endless);
	CHECK_NUMBER(call_generic(VACCEL_OP_EXEC, exec, 3, &exec_out, 1), VACCEL_EINVAL);
	int64_t no_resource = 77;
	exec[0] = (struct vaccel_arg)ARG(INT64, no_resource);
	exec[1] = (struct vaccel_arg)ARG(STRING, symbol);
	/* A host does not tell whether somebody else has it. */
	CHECK_NUMBER(call_generic(VACCEL_OP_EXEC_WITH_RESOURCE, exec, 3, &exec_out, 1),
		     session.is_virtio ? VACCEL_EPERM : VACCEL_ENOENT);

	/* vAccel's programs say RAW for these. */
	double numbers[COUNT] = {1, 2, 3, 4, 5}, copy[COUNT] = {0}, min = 0, max = 0;
	int count = COUNT, low = 0, high = 10, lie = COUNT + 1;
	struct vaccel_arg minmax[] = {ARG(RAW, numbers), ARG(RAW, count), ARG(RAW, low),
				      ARG(RAW, high)};
	struct vaccel_arg minmax_out[] = {ARG(RAW, copy), ARG(RAW, min), ARG(RAW, max)};
	CHECK_NUMBER(call_generic(VACCEL_OP_MINMAX, minmax, 4, minmax_out, 3), VACCEL_OK);
	CHECK(copy[4] == 5 && min == -1 && max == 10000);
	CHECK_NUMBER(call_generic(VACCEL_OP_MINMAX, minmax, 4, minmax_out, 2), VACCEL_EINVAL);
	minmax[1] = (struct vaccel_arg)ARG(RAW, lie);
	CHECK_NUMBER(call_generic(VACCEL_OP_MINMAX, minmax, 4, minmax_out, 3), VACCEL_EINVAL);

	float a[4] = {1, 2, 3, 4}, b[4] = {4, 3, 2, 1}, c[4] = {0}, d[4] = {0}, small[3];
	struct vaccel_arg arrays[] = {ARG(FLOAT32_ARRAY, a), ARG(RAW, b)};
	struct vaccel_arg results[] = {ARG(FLOAT32_ARRAY, c), ARG(RAW, d)};
	CHECK_NUMBER(call_generic(VACCEL_OP_FPGA_VECTORADD, arrays, 2, results, 1), VACCEL_OK);
	CHECK(c[0] == 5 && c[3] == 5);
	CHECK_NUMBER(call_generic(VACCEL_OP_FPGA_MMULT, arrays, 2, results, 1), VACCEL_OK);
	CHECK_NUMBER(call_generic(VACCEL_OP_FPGA_PARALLEL, arrays, 2, results, 2), VACCEL_OK);
	CHECK_NUMBER(call_generic(VACCEL_OP_FPGA_ARRAYCOPY, arrays, 1, results, 1), VACCEL_OK);
	CHECK(check_same_bytes(a, c, sizeof(a)));
	results[0] = (struct vaccel_arg)ARG(RAW, small);
	CHECK_NUMBER(call_generic(VACCEL_OP_FPGA_ARRAYCOPY, arrays, 1, results, 1), VACCEL_EINVAL);
	CHECK_NUMBER(call_generic(VACCEL_OP_FPGA_PARALLEL, arrays, 2, results, 2), VACCEL_EINVAL);
	CHECK_NUMBER(call_generic(VACCEL_OP_FPGA_MMULT, arrays, 1, results, 1), VACCEL_EINVAL);

	int64_t m = 2, stride = 2, far = 1000;
	float alpha = 1, beta = 0;
	results[0] = (struct vaccel_arg)ARG(FLOAT32_ARRAY, c);
	struct vaccel_arg sgemm[] = {
	    ARG(INT64, m),	   ARG(INT64, m),      ARG(INT64, m),	      ARG(FLOAT32, alpha),
	    ARG(FLOAT32_ARRAY, a), ARG(INT64, stride), ARG(FLOAT32_ARRAY, b), ARG(INT64, stride),
	    ARG(FLOAT32, beta),	   ARG(INT64, stride)};
	CHECK_NUMBER(call_generic(VACCEL_OP_BLAS_SGEMM, sgemm, 10, results, 1), VACCEL_OK);
	CHECK_NUMBER(call_generic(VACCEL_OP_BLAS_SGEMM, sgemm, 9, results, 1), VACCEL_EINVAL);
	sgemm[5] = (struct vaccel_arg)ARG(INT64, far);
	CHECK_NUMBER(call_generic(VACCEL_OP_BLAS_SGEMM, sgemm, 10, results, 1), VACCEL_EINVAL);
	sgemm[5] = (struct vaccel_arg)ARG(RAW, stride);
	CHECK_NUMBER(call_generic(VACCEL_OP_BLAS_SGEMM, sgemm, 10, results, 1), VACCEL_EINVAL);

	for (int op = 0; op < 256; op++) {
		bool has_tensors = op >= VACCEL_OP_TF_MODEL_LOAD && op <= VACCEL_OP_TORCH_SGEMM;
		if (has_tensors || op == VACCEL_OP_NOOP || op >= VACCEL_OP_MAX)
			CHECK_NUMBER(call_generic((uint8_t)op, exec, 1, &exec_out, 1),
				     has_tensors ? VACCEL_ENOTSUP : VACCEL_EINVAL);
	}
}

/* ── lists of arguments ──────────────────────────────────────────────────────────────────────── */

static void *serialize(void *buf, uint32_t *size)
{
	char *text = strdup(buf);
	*size = (uint32_t)strlen(buf) + 1;
	return text;
}

static void *serialize_nothing(void *buf, uint32_t *size)
{
	(void)buf;
	*size = 0;
	return NULL;
}

static void *deserialize(void *buf, uint32_t size)
{
	return size && !((char *)buf)[size - 1] ? buf : NULL;
}

static void test_lists(void)
{
	int number = 3;
	char text[] = "text";
	CHECK(!vaccel_args_init(0));
	CHECK(!vaccel_args_init(UINT32_MAX));
	struct vaccel_arg_list *list = vaccel_args_init(4);
	if (!CHECK(list && list->size == 4 && list->list))
		return;
	CHECK_NUMBER(vaccel_add_serial_arg(list, &number, sizeof(number)), VACCEL_OK);
	CHECK_NUMBER(vaccel_add_nonserial_arg(list, text, 42, serialize), VACCEL_OK);
	CHECK_NUMBER(vaccel_add_nonserial_arg(list, text, 42, serialize_nothing), VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_expect_serial_arg(list, &number, sizeof(number)), VACCEL_OK);
	CHECK_NUMBER(vaccel_expect_nonserial_arg(list, 5), VACCEL_OK);
	CHECK_NUMBER(vaccel_expect_nonserial_arg(list, 5), VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_add_serial_arg(list, &number, sizeof(number)), VACCEL_EINVAL);
	CHECK_NUMBER(list->list[1].type, VACCEL_ARG_CUSTOM);
	CHECK_NUMBER(list->list[1].custom_type_id, 42);
	CHECK(vaccel_extract_serial_arg(list->list, 0) == &number);
	CHECK(!vaccel_extract_serial_arg(list->list, -1) && !vaccel_extract_serial_arg(NULL, 0));
	CHECK_TEXT(vaccel_extract_nonserial_arg(list->list, 1, deserialize), "text");
	CHECK(!vaccel_extract_nonserial_arg(list->list, 1, NULL));
	int other = 9;
	CHECK_NUMBER(vaccel_write_serial_arg(list->list, 2, &other), VACCEL_OK);
	CHECK_NUMBER(number, 9);
	CHECK_NUMBER(vaccel_write_serial_arg(list->list, 2, NULL), VACCEL_EINVAL);
	char longer[] = "longer";
	CHECK_NUMBER(vaccel_write_nonserial_arg(list->list, 3, text, serialize), VACCEL_OK);
	CHECK_TEXT(list->list[3].buf, "text");
	CHECK_NUMBER(vaccel_write_nonserial_arg(list->list, 3, longer, serialize), VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_write_nonserial_arg(list->list, 3, text, serialize_nothing),
		     VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_delete_args(list), VACCEL_OK);
	CHECK_NUMBER(vaccel_delete_args(NULL), VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_add_serial_arg(NULL, &number, 4), VACCEL_EINVAL);
}

int main(void)
{
	if (!CHECK(!vaccel_session_init(&session, 0)))
		return check_status();
	test_fpga();
	test_minmax();
	test_sgemm();
	test_exec();
	test_exec_with_resource();
	test_opencv();
	test_generic();
	test_lists();
	vaccel_session_release(&session);
	return check_status();
}
