/* The opencl plugin on whatever device there is: ops compared with loops, kernels of a program's own,
 * and what is refused. */
#include <dlfcn.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "mayfly/results.h"
#include "vaccel.h"

static float number_at(size_t place)
{
	return (float)((place * 2654435761u) % 2001u) / 1000.0f - 1.0f;
}

static void fill(float *values, size_t count, size_t salt)
{
	for (size_t i = 0; i < count; i++)
		values[i] = number_at(i + salt);
}

static double difference(const float *a, const float *b, size_t count)
{
	double worst = 0;
	for (size_t i = 0; i < count; i++) {
		double off = fabs((double)a[i] - b[i]);
		worst = off <= worst ? worst : off;
	}
	return worst;
}

static void test_sgemm(struct vaccel_session *session)
{
	enum { M = 33, N = 65, K = 40, LDA = 41, LDB = 65, LDC = 70 };
	static float a[M * LDA], b[K * LDB], c[M * LDC], wanted[M * LDC];
	fill(a, (size_t)M * LDA, 1);
	fill(b, (size_t)K * LDB, 2);
	fill(c, (size_t)M * LDC, 3);
	memcpy(wanted, c, sizeof(c));
	for (int i = 0; i < M; i++)
		for (int j = 0; j < N; j++) {
			double sum = 0;
			for (int l = 0; l < K; l++)
				sum += (double)a[i * LDA + l] * b[l * LDB + j];
			wanted[i * LDC + j] = (float)(1.5 * sum + 0.5 * c[i * LDC + j]);
		}
	CHECK_NUMBER(vaccel_sgemm(session, M, N, K, 1.5f, a, LDA, b, LDB, 0.5f, c, LDC), 0);
	CHECK(difference(c, wanted, (size_t)M * LDC) < 1e-4);
	/* Nothing to add up: C = beta * C. */
	for (size_t i = 0; i < (size_t)M * LDC; i++)
		wanted[i] = i % LDC < N ? 2 * c[i] : c[i];
	CHECK_NUMBER(vaccel_sgemm(session, M, N, 0, 1, a, LDA, b, LDB, 2, c, LDC), 0);
	CHECK(difference(c, wanted, (size_t)M * LDC) < 1e-5);
	/* What lies in C does not count where beta is 0. */
	for (size_t i = 0; i < (size_t)M * LDC; i++)
		c[i] = NAN;
	CHECK_NUMBER(vaccel_sgemm(session, 1, 1, 1, 2, a, 1, b, 1, 0, c, 1), 0);
	CHECK(fabsf(c[0] - 2 * a[0] * b[0]) < 1e-5f && isnan(c[1]));
	CHECK_NUMBER(vaccel_sgemm(session, 0, 4, 4, 1, a, 4, b, 4, 0, c, 4), 0);
	CHECK_NUMBER(vaccel_sgemm(session, 4, 4, 4, 1, NULL, 4, b, 4, 0, c, 4), VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_sgemm(session, 4, 4, 4, 1, a, 3, b, 4, 0, c, 4), VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_sgemm(session, -4, 4, 4, 1, a, 4, b, 4, 0, c, 4), VACCEL_EINVAL);
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
static void test_arrays(struct vaccel_session *session)
{
	enum { SIDE = 9, COUNT = SIDE * SIDE };
	float a[COUNT], b[COUNT], sum[COUNT] = {0}, product[COUNT] = {0}, added[COUNT],
				  multiplied[COUNT];
	int numbers[COUNT], copied[COUNT] = {0};
	fill(a, COUNT, 7);
	fill(b, COUNT, 8);
	for (int i = 0; i < COUNT; i++) {
		double cell = 0;
		for (int l = 0; l < SIDE; l++)
			cell += (double)a[i / SIDE * SIDE + l] * b[l * SIDE + i % SIDE];
		multiplied[i] = (float)cell;
		added[i] = a[i] + b[i];
		numbers[i] = i * i;
	}
	CHECK_NUMBER(vaccel_fpga_arraycopy(session, numbers, copied, COUNT), 0);
	CHECK(!memcmp(numbers, copied, sizeof(copied)));
	CHECK_NUMBER(vaccel_fpga_vadd(session, a, b, sum, COUNT, COUNT), 0);
	CHECK(difference(sum, added, COUNT) == 0);
	CHECK_NUMBER(vaccel_fpga_mmult(session, a, b, product, COUNT), 0);
	CHECK(difference(product, multiplied, COUNT) < 1e-5);
	memset(sum, 0, sizeof(sum));
	memset(product, 0, sizeof(product));
	CHECK_NUMBER(vaccel_fpga_parallel(session, a, b, sum, product, COUNT), 0);
	CHECK(difference(sum, added, COUNT) == 0);
	CHECK(difference(product, multiplied, COUNT) < 1e-5);
	CHECK_NUMBER(vaccel_fpga_mmult(session, a, b, product, COUNT - 1), VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_fpga_vadd(session, a, b, sum, COUNT, COUNT - 1), VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_fpga_mmult(session, NULL, NULL, NULL, 0), 0);
	CHECK_NUMBER(vaccel_fpga_arraycopy(session, NULL, NULL, 0), 0);
}
#pragma GCC diagnostic pop

static const char source[] =
    "kernel void scale(float factor, global const float *from, global float *to)\n"
    "{\n"
    "	size_t i = get_global_id(0) + get_global_size(0) * get_global_id(1);\n"
    "	to[i] = factor * from[i] + to[i];\n"
    "}\n"
    "kernel void groups(global int *sizes)\n"
    "{\n"
    "	if (!get_global_id(0))\n"
    "		sizes[0] = (int)get_local_size(0);\n"
    "}\n";

static struct vaccel_arg argument(void *data, size_t size, vaccel_arg_type_t type)
{
	return (struct vaccel_arg){.buf = data, .size = size, .type = type};
}

static int make_library(struct vaccel_session *session, struct vaccel_resource *resource,
			const char *text)
{
	int result = vaccel_resource_init_from_buf(resource, (const uint8_t *)text, strlen(text),
						   VACCEL_RESOURCE_LIB, "kernels.cl", true);
	return result ? result : vaccel_resource_register(resource, session);
}

static void test_kernels(struct vaccel_session *session)
{
	enum { COUNT = 32 };
	struct vaccel_resource kernels, broken;
	int64_t range[] = {8, 4, 0}, grouped[] = {16, 0, 0, 4, 0, 0};
	float factor = 3, from[COUNT], to[COUNT], wanted[COUNT];
	int32_t group = 0;
	fill(from, COUNT, 4);
	fill(to, COUNT, 5);
	for (int i = 0; i < COUNT; i++)
		wanted[i] = 3 * from[i] + to[i];
	if (!CHECK_NUMBER(make_library(session, &kernels, source), 0))
		return;
	struct vaccel_arg read[] = {argument(range, sizeof(range), VACCEL_ARG_INT64_ARRAY),
				    argument(&factor, sizeof(factor), VACCEL_ARG_FLOAT32),
				    argument(from, sizeof(from), VACCEL_ARG_FLOAT32_ARRAY)};
	struct vaccel_arg write = argument(to, sizeof(to), VACCEL_ARG_FLOAT32_ARRAY);
#define RUN(name, count) vaccel_exec_with_resource(session, &kernels, name, read, count, &write, 1)
	CHECK_NUMBER(RUN("scale", 3), 0);
	CHECK(difference(to, wanted, COUNT) < 1e-6);
	CHECK_NUMBER(RUN("scale", 2), VACCEL_EINVAL);
	CHECK_TEXT(mayfly_op_reason(), "kernel scale takes 3 arguments beside the range, not 2");
	CHECK_NUMBER(RUN("scale", 0), VACCEL_EINVAL);
	CHECK_NUMBER(RUN("nonesuch", 3), VACCEL_ENOSYS);
	read[1].size = 2; /* a float is 4 bytes */
	read[1].type = VACCEL_ARG_INT16;
	CHECK_NUMBER(RUN("scale", 3), VACCEL_EINVAL);
	read[1] = argument(&factor, sizeof(factor), VACCEL_ARG_FLOAT32);
	static const int64_t wrong[][3] = {{0, 0, 0}, {-1, 0, 0}, {4, 0, 4}, {4, -4, 0}};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		memcpy(range, wrong[i], sizeof(range));
		CHECK_NUMBER(RUN("scale", 3), VACCEL_EINVAL);
	}
	read[0] = argument(range, 16, VACCEL_ARG_INT64_ARRAY);
	CHECK_NUMBER(RUN("scale", 3), VACCEL_EINVAL);
	read[0] = argument(grouped, sizeof(grouped), VACCEL_ARG_INT64_ARRAY);
	write = argument(&group, sizeof(group), VACCEL_ARG_INT32);
	CHECK_NUMBER(RUN("groups", 1), 0);
	CHECK_NUMBER(group, 4);
	grouped[3] = 0;
	CHECK_NUMBER(RUN("groups", 1), VACCEL_EINVAL);
	grouped[3] = 5; /* does not divide 16 */
	CHECK_NUMBER(RUN("groups", 1), VACCEL_EINVAL);
#undef RUN
	CHECK_NUMBER(vaccel_resource_release(&kernels), 0);

	/* What the compiler says is told. */
	CHECK_NUMBER(make_library(session, &broken, "kernel void half_a(global int *a"), 0);
	CHECK_NUMBER(vaccel_exec_with_resource(session, &broken, "half_a", read, 1, &write, 1),
		     VACCEL_EINVAL);
	CHECK(strstr(mayfly_op_reason(), "the kernels cannot be compiled"));
	CHECK_NUMBER(vaccel_resource_release(&broken), 0);
	CHECK_NUMBER(make_library(session, &broken, "\177ELF"), VACCEL_ENOTSUP);
	CHECK_NUMBER(vaccel_resource_release(&broken), 0);
}

int main(void)
{
	struct vaccel_session session;
	if (!dlopen("libOpenCL.so.1", RTLD_NOW)) {
		printf("not tested: %s\n", dlerror());
		return CHECK_SKIPPED;
	}
	int result = vaccel_session_init(&session, 0);
	if (result == VACCEL_ENOTSUP) {
		puts("not tested: there is no OpenCL device");
		return CHECK_SKIPPED;
	}
	if (!CHECK_NUMBER(result, 0))
		return check_status();
	test_sgemm(&session);
	test_arrays(&session);
	test_kernels(&session);
	CHECK_NUMBER(vaccel_session_release(&session), 0);
	return check_status();
}
