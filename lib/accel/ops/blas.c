/* Products of matrices. */
#include "vaccel/ops/blas.h"

#include "accel/ops/dispatch.h"
#include "accel/ops/matrix.h"
#include "accel/state/op_context.h"
#include "mayfly/wire.h"
#include "vaccel/error.h"
#include "vaccel/op.h"

static struct vaccel_arg number(int64_t *value)
{
	return (struct vaccel_arg){.buf = value, .size = sizeof(*value), .type = VACCEL_ARG_INT64};
}

static struct vaccel_arg factor(float *value)
{
	return (struct vaccel_arg){
	    .buf = value, .size = sizeof(*value), .type = VACCEL_ARG_FLOAT32};
}

static struct vaccel_arg floats(float *values, size_t bytes)
{
	return (struct vaccel_arg){
	    .buf = bytes ? values : NULL, .size = bytes, .type = VACCEL_ARG_FLOAT32_ARRAY};
}

int vaccel_sgemm(struct vaccel_session *sess, int64_t m, int64_t n, int64_t k, float alpha,
		 float *a, int64_t lda, float *b, int64_t ldb, float beta, float *c, int64_t ldc)
{
	size_t a_bytes, b_bytes, c_bytes;
	if (!sess)
		return VACCEL_EINVAL;
	if (!matrix_bytes(m, k, lda, &a_bytes) || !matrix_bytes(k, n, ldb, &b_bytes) ||
	    !matrix_bytes(m, n, ldc, &c_bytes))
		return op_refuse(VACCEL_EINVAL,
				 "there are no matrices of m=%lld n=%lld k=%lld in rows of %lld, "
				 "%lld and %lld",
				 (long long)m, (long long)n, (long long)k, (long long)lda,
				 (long long)ldb, (long long)ldc);
	struct vaccel_arg in[] = {
	    number(&m),	  number(&n),	      number(&k),   factor(&alpha), floats(a, a_bytes),
	    number(&lda), floats(b, b_bytes), number(&ldb), factor(&beta),  number(&ldc)};
	struct vaccel_arg out = floats(c, c_bytes);
	/* What lies between the rows of C stays as it is. */
	const uint32_t flags = beta != 0 || ldc > n ? WIRE_ARGUMENT_CARRIES : 0;
	return mayfly_op_dispatch(sess, VACCEL_OP_BLAS_SGEMM, in, sizeof(in) / sizeof(*in), &out, 1,
				  &flags);
}
