/* Shims of ops on arrays and with any arguments: what an op reads and writes fits its arrays. */
#include <string.h>

#include "accel/ops/matrix.h"
#include "accel/ops/table.h"
#include "accel/state/op_context.h"

static int64_t read_int64(const struct vaccel_arg *arg)
{
	int64_t value;
	memcpy(&value, arg->buf, sizeof(value));
	return value;
}

static int32_t read_int32(const struct vaccel_arg *arg)
{
	int32_t value;
	memcpy(&value, arg->buf, sizeof(value));
	return value;
}

static float read_float(const struct vaccel_arg *arg)
{
	float value;
	memcpy(&value, arg->buf, sizeof(value));
	return value;
}

/* ── functions with any arguments ────────────────────────────────────────────────────────────── */

int op_shim_exec(const struct op_call *call, void *function)
{
	int (*exec)(struct vaccel_session *, const char *, const char *, struct vaccel_arg *,
		    size_t, struct vaccel_arg *, size_t) = function;
	enum { LIBRARY, SYMBOL, READ };
	return exec(call->session, call->inputs[LIBRARY].buf, call->inputs[SYMBOL].buf,
		    (struct vaccel_arg *)&call->inputs[READ], call->input_count - READ,
		    call->outputs, call->output_count);
}

int op_shim_exec_with_resource(const struct op_call *call, void *function)
{
	int (*exec)(struct vaccel_session *, struct vaccel_resource *, const char *,
		    struct vaccel_arg *, size_t, struct vaccel_arg *, size_t) = function;
	enum { RESOURCE, SYMBOL, READ };
	struct vaccel_resource *resource;
	int result = op_call_resource(call, VACCEL_RESOURCE_LIB, &resource);
	/* What vaccel_genop() gives for a number that nothing has. */
	if (result == VACCEL_EPERM &&
	    vaccel_resource_get_by_id(&resource, read_int64(&call->inputs[RESOURCE])))
		return VACCEL_ENOENT;
	if (result)
		return result;
	return exec(call->session, resource, call->inputs[SYMBOL].buf,
		    (struct vaccel_arg *)&call->inputs[READ], call->input_count - READ,
		    call->outputs, call->output_count);
}

int op_shim_opencv(const struct op_call *call, void *function)
{
	int (*opencv)(struct vaccel_session *, struct vaccel_arg *, int, struct vaccel_arg *, int) =
	    function;
	return opencv(call->session, (struct vaccel_arg *)call->inputs, (int)call->input_count,
		      call->outputs, (int)call->output_count);
}

/* ── matrices ────────────────────────────────────────────────────────────────────────────────── */

static bool holds_matrix(const struct vaccel_arg *arg, int64_t rows, int64_t columns,
			 int64_t stride)
{
	size_t bytes;
	return matrix_bytes(rows, columns, stride, &bytes) && bytes <= arg->size;
}

int op_shim_sgemm(const struct op_call *call, void *function)
{
	int (*sgemm)(struct vaccel_session *, int64_t, int64_t, int64_t, float, float *, int64_t,
		     float *, int64_t, float, float *, int64_t) = function;
	enum { M, N, K, ALPHA, A, LDA, B, LDB, BETA, LDC };
	const struct vaccel_arg *in = call->inputs, *out = call->outputs;
	int64_t m = read_int64(&in[M]), n = read_int64(&in[N]), k = read_int64(&in[K]);
	int64_t lda = read_int64(&in[LDA]), ldb = read_int64(&in[LDB]), ldc = read_int64(&in[LDC]);
	if (!holds_matrix(&in[A], m, k, lda) || !holds_matrix(&in[B], k, n, ldb) ||
	    !holds_matrix(out, m, n, ldc))
		return op_refuse(VACCEL_EINVAL,
				 "matrices of %zu, %zu and %zu bytes are not those of m=%lld "
				 "n=%lld k=%lld in rows of %lld, %lld and %lld",
				 in[A].size, in[B].size, out->size, (long long)m, (long long)n,
				 (long long)k, (long long)lda, (long long)ldb, (long long)ldc);
	return sgemm(call->session, m, n, k, read_float(&in[ALPHA]), in[A].buf, lda, in[B].buf, ldb,
		     read_float(&in[BETA]), out->buf, ldc);
}

/* ── arrays ──────────────────────────────────────────────────────────────────────────────────── */

static int refuse_arrays(void)
{
	return op_refuse(VACCEL_EINVAL, "the arrays of the op are not of the same length");
}

static bool are_as_long(const struct op_call *call, size_t bytes)
{
	for (size_t i = 0; i < call->input_count; i++)
		if (call->inputs[i].size < bytes)
			return false;
	for (size_t i = 0; i < call->output_count; i++)
		if (call->outputs[i].size < bytes)
			return false;
	return true;
}

int op_shim_arraycopy(const struct op_call *call, void *function)
{
	int (*copy)(struct vaccel_session *, int *, int *, size_t) = function;
	const struct vaccel_arg *a = call->inputs;
	if (!are_as_long(call, a->size))
		return refuse_arrays();
	return copy(call->session, a->buf, call->outputs->buf, a->size / sizeof(int));
}

int op_shim_mmult(const struct op_call *call, void *function)
{
	int (*multiply)(struct vaccel_session *, float *, float *, float *, size_t) = function;
	const struct vaccel_arg *a = call->inputs;
	if (!are_as_long(call, a->size))
		return refuse_arrays();
	return multiply(call->session, a[0].buf, a[1].buf, call->outputs->buf,
			a->size / sizeof(float));
}

int op_shim_parallel(const struct op_call *call, void *function)
{
	int (*run)(struct vaccel_session *, float *, float *, float *, float *, size_t) = function;
	const struct vaccel_arg *a = call->inputs;
	if (!are_as_long(call, a->size))
		return refuse_arrays();
	return run(call->session, a[0].buf, a[1].buf, call->outputs[0].buf, call->outputs[1].buf,
		   a->size / sizeof(float));
}

int op_shim_vectoradd(const struct op_call *call, void *function)
{
	int (*add)(struct vaccel_session *, float *, float *, float *, size_t, size_t) = function;
	const struct vaccel_arg *a = call->inputs;
	if (!are_as_long(call, a->size))
		return refuse_arrays();
	return add(call->session, a[0].buf, a[1].buf, call->outputs->buf, a[0].size / sizeof(float),
		   a[1].size / sizeof(float));
}

int op_shim_minmax(const struct op_call *call, void *function)
{
	int (*find)(struct vaccel_session *, const double *, int, int, int, double *, double *,
		    double *) = function;
	enum { NUMBERS, COUNT, LOW, HIGH };
	enum { OUT, MIN, MAX };
	const struct vaccel_arg *in = call->inputs, *out = call->outputs;
	int32_t count = read_int32(&in[COUNT]);
	if (count < 0 || in[NUMBERS].size / sizeof(double) < (size_t)count ||
	    out[OUT].size / sizeof(double) < (size_t)count)
		return op_refuse(VACCEL_EINVAL,
				 "arrays of %zu and %zu bytes do not hold %d numbers",
				 in[NUMBERS].size, out[OUT].size, count);
	return find(call->session, in[NUMBERS].buf, count, read_int32(&in[LOW]),
		    read_int32(&in[HIGH]), out[OUT].buf, out[MIN].buf, out[MAX].buf);
}
