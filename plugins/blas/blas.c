/* The blas plugin: vaccel_sgemm() by OpenBLAS.
 *
 * C = alpha * A * B + beta * C, where A has m rows of k numbers, B k rows of n, and C m rows of n;
 * a row of A begins lda numbers after the one before, and likewise ldb and ldc.
 */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "mayfly/plugin.h"
#include "openblas.h"
#include "sizes/sizes.h"
#include "turns.h"
#include "util/clock.h"
#include "vaccel.h"

/* How many multiplications and additions are done before the deadline is looked at again: some
 * hundredths of a second on one processor. OpenBLAS itself cannot be stopped. */
#define PIECE_WORK 1000000000LL

/* Fewer rows at once would spend a good part of the time on packing B. */
#define PIECE_ROWS_MIN 192

static struct openblas blas;
static struct turns turns = TURNS_INITIALIZER;

static int refuse(int result, const char *reason)
{
	vaccel_error("blas: %s", reason);
	mayfly_plugin_set_reason(reason);
	return result;
}

/* True if a matrix of so many rows of that length, each `stride` after the last, lies in memory. */
static bool is_matrix(const float *matrix, int64_t rows, int64_t columns, int64_t stride)
{
	uint64_t numbers;
	if (stride < columns || stride < 1)
		return false;
	if (!rows || !columns)
		return true;
	return matrix && !mul_overflows((uint64_t)(rows - 1), (uint64_t)stride, &numbers) &&
	       !add_overflows(numbers, (uint64_t)columns, &numbers) &&
	       numbers <= PTRDIFF_MAX / sizeof(float);
}

/* The rows that are computed without a look at the clock. */
static int64_t piece_rows(int64_t m, int64_t n, int64_t k)
{
	if (!mayfly_plugin_deadline_ns() || !n || !k)
		return m;
	int64_t rows = PIECE_WORK / 2 / k / n;
	rows = rows < PIECE_ROWS_MIN ? PIECE_ROWS_MIN : rows;
	return rows < m ? rows : m;
}

static int blas_sgemm(struct vaccel_session *session, int64_t m, int64_t n, int64_t k, float alpha,
		      float *a, int64_t lda, float *b, int64_t ldb, float beta, float *c,
		      int64_t ldc)
{
	if (!session || m < 0 || n < 0 || k < 0)
		return refuse(VACCEL_EINVAL, "m, n and k are not negative");
	if (m > INT_MAX || n > INT_MAX || k > INT_MAX || lda > INT_MAX || ldb > INT_MAX ||
	    ldc > INT_MAX)
		return refuse(VACCEL_EINVAL, "m, n, k, lda, ldb and ldc are below 2^31");
	if (!is_matrix(a, m, k, lda) || !is_matrix(b, k, n, ldb) || !is_matrix(c, m, n, ldc))
		return refuse(VACCEL_EINVAL, "a matrix is missing, or its rows are longer than "
					     "lda, ldb or ldc");
	const uint64_t deadline_ns = mayfly_plugin_deadline_ns();
	const int64_t step = piece_rows(m, n, k);
	int result = turns_enter(&turns, deadline_ns);
	if (result)
		return result == -ENOMEM
			   ? refuse(VACCEL_ENOMEM, "there is too little memory for OpenBLAS")
			   : refuse(VACCEL_EAGAIN, "the deadline passed while others multiplied");
	for (int64_t row = 0; !result && row < m && n; row += step) {
		const int64_t rows = m - row < step ? m - row : step;
		if (deadline_ns && clock_now_ns() >= deadline_ns)
			result = refuse(VACCEL_EAGAIN, "the deadline passed during the product");
		else if (mayfly_plugin_is_stopped())
			result = refuse(VACCEL_EAGAIN, "the product was cancelled");
		else
			blas.sgemm(CBLAS_ROWS, CBLAS_AS_IT_IS, CBLAS_AS_IT_IS, (int)rows, (int)n,
				   (int)k, alpha, k ? a + row * lda : a, (int)lda, b, (int)ldb,
				   beta, c + row * ldc, (int)ldc);
	}
	turns_leave(&turns);
	return result;
}

static struct vaccel_op ops[] = {VACCEL_OP_INIT(sgemm, VACCEL_OP_BLAS_SGEMM, blas_sgemm)};

/* The library is bound here and not by the first op: a host may be unable to open files then. */
static int blas_init(void)
{
	struct error error = {0};
	int result = openblas_open(&blas, &error);
	if (result) {
		vaccel_info("blas: %s", error.text);
		return -result;
	}
	result = vaccel_plugin_register_ops(ops, ARRAY_SIZE(ops));
	if (result)
		openblas_close(&blas);
	return result;
}

static int blas_fini(void)
{
	openblas_close(&blas);
	return VACCEL_OK;
}

VACCEL_API const struct mayfly_plugin mayfly_plugin = {
    .version = MAYFLY_PLUGIN_VERSION,
    .computes = true,
};

VACCEL_PLUGIN(.name = "blas", .version = "0.1.0", .vaccel_version = VACCEL_VERSION,
	      .type = VACCEL_PLUGIN_CPU | VACCEL_PLUGIN_SOFTWARE | VACCEL_PLUGIN_GENERIC,
	      .init = blas_init, .fini = blas_fini)
