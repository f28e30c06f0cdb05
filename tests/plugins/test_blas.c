/* The blas plugin: products compared with a loop, and what it refuses. */
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "confine/sanitizers.h"
#include "mayfly/results.h"
#include "util/clock.h"
#include "vaccel.h"

/* Numbers that repeat nowhere, of both signs, near 1. */
static float number_at(size_t place)
{
	return (float)((place * 2654435761u) % 2001u) / 1000.0f - 1.0f;
}

static float *make_matrix(int64_t rows, int64_t stride, size_t salt)
{
	size_t count = (size_t)rows * (size_t)stride;
	float *matrix = malloc((count + 1) * sizeof(*matrix));
	for (size_t i = 0; matrix && i < count; i++)
		matrix[i] = number_at(i + salt);
	return matrix;
}

struct product {
	int64_t m, n, k, lda, ldb, ldc;
	float alpha, beta;
};

static void multiply(const struct product *p, const float *a, const float *b, const float *c,
		     float *out)
{
	for (int64_t i = 0; i < p->m; i++)
		for (int64_t j = 0; j < p->n; j++) {
			double sum = 0;
			for (int64_t l = 0; l < p->k; l++)
				sum += (double)a[i * p->lda + l] * b[l * p->ldb + j];
			out[i * p->ldc + j] =
			    (float)(p->alpha * sum +
				    (p->beta != 0 ? p->beta * c[i * p->ldc + j] : 0));
		}
}

static void try_product(struct vaccel_session *session, const struct product *p)
{
	float *a = make_matrix(p->m, p->lda, 1), *b = make_matrix(p->k, p->ldb, 777),
	      *c = make_matrix(p->m, p->ldc, 31), *wanted = make_matrix(p->m, p->ldc, 31);
	size_t count = (size_t)p->m * (size_t)p->ldc;
	double worst = 0;
	/* Where beta is 0, what lies in C does not count. */
	if (p->beta == 0)
		for (int64_t i = 0; i < p->m; i++)
			for (int64_t j = 0; j < p->n; j++)
				c[i * p->ldc + j] = NAN;
	multiply(p, a, b, c, wanted);
	CHECK_NUMBER(vaccel_sgemm(session, p->m, p->n, p->k, p->alpha, a, p->lda, b, p->ldb,
				  p->beta, c, p->ldc),
		     0);
	for (size_t i = 0; i < count; i++) {
		double off = fabs((double)c[i] - wanted[i]);
		worst = off <= worst ? worst : off; /* NaN is the worst */
	}
	if (!CHECK(worst <= 1e-4 * (1 + (double)p->k / 16)))
		fprintf(stderr, "  %lld x %lld x %lld: off by %g\n", (long long)p->m,
			(long long)p->n, (long long)p->k, worst);
	free(a);
	free(b);
	free(c);
	free(wanted);
}

static void test_products(struct vaccel_session *session)
{
	static const struct product products[] = {
	    {1, 1, 1, 1, 1, 1, 2, 3},
	    {3, 5, 7, 7, 5, 5, 1, 0},
	    {4, 4, 4, 9, 8, 7, -0.5f, 1},
	    {64, 33, 129, 129, 33, 40, 1.5f, 0.25f},
	    {300, 17, 64, 70, 17, 20, 1, 0},
	    {5, 4, 0, 1, 4, 4, 1, 0.5f},
	    {200, 200, 200, 200, 200, 200, 1, 1},
	    {0, 4, 4, 4, 4, 4, 1, 1},
	    {4, 0, 4, 4, 1, 1, 1, 1},
	};
	for (size_t i = 0; i < sizeof(products) / sizeof(products[0]); i++)
		try_product(session, &products[i]);
}

/* With a deadline it is computed in pieces, to the same result. */
static void test_pieces(struct vaccel_session *session)
{
	enum { ROWS = 450, SIDE = 1700 };
	float *a = make_matrix(ROWS, SIDE, 5), *b = make_matrix(SIDE, SIDE, 6),
	      *c = make_matrix(ROWS, SIDE, 7), *pieces = make_matrix(ROWS, SIDE, 7);
	double worst = 0;
	CHECK_NUMBER(vaccel_sgemm(session, ROWS, SIDE, SIDE, 1, a, SIDE, b, SIDE, 0.5f, c, SIDE),
		     0);
	mayfly_op_set_deadline(clock_now_ns() + 60 * NANOSECONDS_PER_SECOND);
	CHECK_NUMBER(
	    vaccel_sgemm(session, ROWS, SIDE, SIDE, 1, a, SIDE, b, SIDE, 0.5f, pieces, SIDE), 0);
	mayfly_op_set_deadline(0);
	for (size_t i = 0; i < (size_t)ROWS * SIDE; i++) {
		double off = fabs((double)c[i] - pieces[i]);
		worst = off <= worst ? worst : off;
	}
	CHECK(worst <= 1e-2);
	free(a);
	free(b);
	free(c);
	free(pieces);
}

static void test_bad_input(struct vaccel_session *session)
{
	float numbers[64] = {0};
#define SGEMM(m, n, k, a, lda, b, ldb, c, ldc)                                                     \
	vaccel_sgemm(session, m, n, k, 1, a, lda, b, ldb, 0, c, ldc)
	CHECK_NUMBER(SGEMM(-1, 4, 4, numbers, 4, numbers, 4, numbers, 4), VACCEL_EINVAL);
	CHECK_NUMBER(SGEMM(4, 4, 4, numbers, 3, numbers, 4, numbers, 4), VACCEL_EINVAL);
	CHECK_NUMBER(SGEMM(4, 4, 4, numbers, 4, numbers, 3, numbers, 4), VACCEL_EINVAL);
	CHECK_NUMBER(SGEMM(4, 4, 4, numbers, 4, numbers, 4, numbers, 3), VACCEL_EINVAL);
	CHECK_NUMBER(SGEMM(4, 4, 4, NULL, 4, numbers, 4, numbers, 4), VACCEL_EINVAL);
	CHECK_NUMBER(SGEMM(4, 4, 4, numbers, 4, NULL, 4, numbers, 4), VACCEL_EINVAL);
	CHECK_NUMBER(SGEMM(4, 4, 4, numbers, 4, numbers, 4, NULL, 4), VACCEL_EINVAL);
	CHECK_NUMBER(SGEMM(0, 4, 4, numbers, 0, numbers, 4, numbers, 4), VACCEL_EINVAL);
	/* The plugin says so, or a message to a host, into which it does not fit. */
	int result = SGEMM(1LL << 33, 1, 1, numbers, 1, numbers, 1, numbers, 1);
	CHECK(result == VACCEL_EINVAL || result == VACCEL_ENOSPC);
	CHECK_NUMBER(SGEMM(INT64_MAX, INT64_MAX, INT64_MAX, numbers, INT64_MAX, numbers, INT64_MAX,
			   numbers, INT64_MAX),
		     VACCEL_EINVAL);
	CHECK_NUMBER(SGEMM(1, 1, 1, numbers, 1LL << 32, numbers, 1, numbers, 1), VACCEL_EINVAL);
	CHECK(*mayfly_op_reason());
	CHECK_NUMBER(vaccel_sgemm(NULL, 1, 1, 1, 1, numbers, 1, numbers, 1, 0, numbers, 1),
		     VACCEL_EINVAL);
	mayfly_op_set_deadline(1);
	CHECK_NUMBER(SGEMM(4, 4, 4, numbers, 4, numbers, 4, numbers, 4), VACCEL_EAGAIN);
	mayfly_op_set_deadline(0);
	/* Arguments that do not say the truth about each other. */
	uint8_t op = VACCEL_OP_BLAS_SGEMM;
	int64_t four = 4, many = 1LL << 40;
	float one = 1;
	struct vaccel_arg read[] = {
	    {.buf = &op, .size = sizeof(op), .type = VACCEL_ARG_UINT8},
	    {.buf = &four, .size = 8, .type = VACCEL_ARG_INT64},
	    {.buf = &four, .size = 8, .type = VACCEL_ARG_INT64},
	    {.buf = &four, .size = 8, .type = VACCEL_ARG_INT64},
	    {.buf = &one, .size = 4, .type = VACCEL_ARG_FLOAT32},
	    {.buf = numbers, .size = 64, .type = VACCEL_ARG_FLOAT32_ARRAY},
	    {.buf = &four, .size = 8, .type = VACCEL_ARG_INT64},
	    {.buf = numbers, .size = 64, .type = VACCEL_ARG_FLOAT32_ARRAY},
	    {.buf = &four, .size = 8, .type = VACCEL_ARG_INT64},
	    {.buf = &one, .size = 4, .type = VACCEL_ARG_FLOAT32},
	    {.buf = &four, .size = 8, .type = VACCEL_ARG_INT64},
	};
	struct vaccel_arg write = {.buf = numbers, .size = 64, .type = VACCEL_ARG_FLOAT32_ARRAY};
	CHECK_NUMBER(vaccel_genop(session, read, 11, &write, 1), 0);
	read[5].size = 60; /* A lacks a number */
	CHECK_NUMBER(vaccel_genop(session, read, 11, &write, 1), VACCEL_EINVAL);
	read[5].size = 64;
	write.size = 32;
	CHECK_NUMBER(vaccel_genop(session, read, 11, &write, 1), VACCEL_EINVAL);
	write.size = 64;
	read[6].buf = &many;
	CHECK_NUMBER(vaccel_genop(session, read, 11, &write, 1), VACCEL_EINVAL);
}

/* OpenBLAS would wait for ever. */
static void test_little_memory(struct vaccel_session *session)
{
	float numbers[1] = {2};
	const struct rlimit little = {64 << 20, 64 << 20};
	pid_t child = fork();
	if (!child) {
		alarm(20);
		if (setrlimit(RLIMIT_DATA, &little))
			_exit(1);
		_exit(vaccel_sgemm(session, 1, 1, 1, 1, numbers, 1, numbers, 1, 0, numbers, 1) ==
			      VACCEL_ENOMEM
			  ? 0
			  : 2);
	}
	int status = -1;
	CHECK(child > 0 && waitpid(child, &status, 0) == child);
	CHECK_NUMBER(status, 0);
}

int main(void)
{
	struct vaccel_session session;
	int result = vaccel_session_init(&session, 0);
	if (result == VACCEL_ENOTSUP) {
		puts("not tested: OpenBLAS is not installed");
		return CHECK_SKIPPED;
	}
	if (!CHECK_NUMBER(result, 0))
		return check_status();
	if (!CONFINE_SANITIZED && !getenv("VACCEL_RPC_ADDRESS"))
		test_little_memory(&session);
	test_products(&session);
	test_pieces(&session);
	test_bad_input(&session);
	CHECK_NUMBER(vaccel_session_release(&session), 0);
	return check_status();
}
