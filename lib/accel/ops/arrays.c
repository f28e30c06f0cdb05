/* Ops on arrays of numbers: vAccel's FPGA ops, and the smallest and largest. */
#include "accel/ops/dispatch.h"
#include "accel/state/op_context.h"
#include "sizes/sizes.h"
#include "vaccel/error.h"
#include "vaccel/op.h"
#include "vaccel/ops/fpga.h"
#include "vaccel/ops/minmax.h"

/* An array of `count` elements. A length that cannot be is more than there is, which no op takes. */
static struct vaccel_arg array(const void *values, size_t count, size_t element,
			       vaccel_arg_type_t type)
{
	size_t bytes;
	bool is_array = !mul_overflows(count, element, &bytes);
	return (struct vaccel_arg){.buf = is_array && bytes ? (void *)values : NULL,
				   .size = is_array ? bytes : SIZE_MAX,
				   .type = type};
}

static struct vaccel_arg floats(const float *values, size_t count)
{
	return array(values, count, sizeof(*values), VACCEL_ARG_FLOAT32_ARRAY);
}

static struct vaccel_arg integers(const int *values, size_t count)
{
	return array(values, count, sizeof(*values), VACCEL_ARG_INT32_ARRAY);
}

static struct vaccel_arg doubles(const double *values, size_t count)
{
	return array(values, count, sizeof(*values), VACCEL_ARG_FLOAT64_ARRAY);
}

int vaccel_fpga_arraycopy(struct vaccel_session *sess, int a[], int out_a[], size_t len_a)
{
	struct vaccel_arg in = integers(a, len_a), out = integers(out_a, len_a);
	return mayfly_op_dispatch(sess, VACCEL_OP_FPGA_ARRAYCOPY, &in, 1, &out, 1, NULL);
}

int vaccel_fpga_mmult(struct vaccel_session *sess, float a[], float b[], float c[], size_t len_a)
{
	struct vaccel_arg in[] = {floats(a, len_a), floats(b, len_a)}, out = floats(c, len_a);
	return mayfly_op_dispatch(sess, VACCEL_OP_FPGA_MMULT, in, 2, &out, 1, NULL);
}

int vaccel_fpga_parallel(struct vaccel_session *sess, float a[], float b[], float add_output[],
			 float mult_output[], size_t len_a)
{
	struct vaccel_arg in[] = {floats(a, len_a), floats(b, len_a)};
	struct vaccel_arg out[] = {floats(add_output, len_a), floats(mult_output, len_a)};
	return mayfly_op_dispatch(sess, VACCEL_OP_FPGA_PARALLEL, in, 2, out, 2, NULL);
}

int vaccel_fpga_vadd(struct vaccel_session *sess, float a[], float b[], float c[], size_t len_a,
		     size_t len_b)
{
	struct vaccel_arg in[] = {floats(a, len_a), floats(b, len_b)}, out = floats(c, len_a);
	return mayfly_op_dispatch(sess, VACCEL_OP_FPGA_VECTORADD, in, 2, &out, 1, NULL);
}

int vaccel_minmax(struct vaccel_session *sess, const double *indata, int ndata, int low_threshold,
		  int high_threshold, double *outdata, double *min, double *max)
{
	if (!sess)
		return VACCEL_EINVAL;
	if (ndata < 0)
		return op_refuse(VACCEL_EINVAL, "there cannot be %d numbers", ndata);
	struct vaccel_arg in[] = {
	    doubles(indata, (size_t)ndata),
	    {.buf = &ndata, .size = sizeof(ndata), .type = VACCEL_ARG_INT32},
	    {.buf = &low_threshold, .size = sizeof(low_threshold), .type = VACCEL_ARG_INT32},
	    {.buf = &high_threshold, .size = sizeof(high_threshold), .type = VACCEL_ARG_INT32},
	};
	struct vaccel_arg out[] = {
	    doubles(outdata, (size_t)ndata),
	    {.buf = min, .size = sizeof(*min), .type = VACCEL_ARG_FLOAT64},
	    {.buf = max, .size = sizeof(*max), .type = VACCEL_ARG_FLOAT64},
	};
	return mayfly_op_dispatch(sess, VACCEL_OP_MINMAX, in, 4, out, 3, NULL);
}
