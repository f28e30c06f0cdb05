/* vAccel's ops with fixed meanings; see arithmetic.h. */
#include "arithmetic.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sizes/sizes.h"
#include "util/cleanup.h"

/* Up to three buffers, released together. */
struct buffers {
	struct device *device;
	cl_mem a, b, c;
};

static void buffers_release(struct buffers *buffers)
{
	device_release_buffer(buffers->device, buffers->a);
	device_release_buffer(buffers->device, buffers->b);
	device_release_buffer(buffers->device, buffers->c);
}

static int make_kernel(struct device *device, const char *name, cl_kernel *kernel,
		       struct error *error)
{
	cl_int code;
	*kernel = device->api.clCreateKernel(device->program, name, &code);
	return *kernel ? 0 : device_check(code, name, error);
}

struct value {
	size_t size;
	const void *data;
};

/* Runs one of our own kernels. */
static int run(struct device *device, const char *name, const struct value *values, cl_uint count,
	       unsigned dimensions, const size_t *global, struct error *error)
{
	cl_kernel kernel;
	int result = make_kernel(device, name, &kernel, error);
	if (result)
		return result;
	for (cl_uint i = 0; !result && i < count; i++)
		result = device_check(
		    device->api.clSetKernelArg(kernel, i, values[i].size, values[i].data), name,
		    error);
	if (!result)
		return device_run(device, kernel, dimensions, global, NULL, error);
	device->api.clReleaseKernel(kernel);
	return result;
}

/* ── products ────────────────────────────────────────────────────────────────────────────────── */

/* The bytes from the first number to the last; false where no matrix is like that. */
static bool measure(const struct matrix *matrix, size_t *size)
{
	uint64_t count = 0;
	*size = 0;
	if (matrix->rows < 0 || matrix->columns < 0 || matrix->stride < matrix->columns ||
	    matrix->stride < 1)
		return false;
	if (!matrix->rows || !matrix->columns)
		return true;
	if (!matrix->data ||
	    mul_overflows((uint64_t)matrix->rows - 1, (uint64_t)matrix->stride, &count) ||
	    add_overflows(count, (uint64_t)matrix->columns, &count) ||
	    count > PTRDIFF_MAX / sizeof(float))
		return false;
	*size = count * sizeof(float);
	return true;
}

static int multiply_by_clblast(struct device *device, float alpha, const struct buffers *buffers,
			       const struct matrix *a, const struct matrix *b, float beta,
			       const struct matrix *c, struct error *error)
{
	enum { ROW_MAJOR = 101, AS_IT_IS = 111 };
	int code = device->api.sgemm(ROW_MAJOR, AS_IT_IS, AS_IT_IS, (size_t)c->rows,
				     (size_t)c->columns, (size_t)a->columns, alpha, buffers->a, 0,
				     (size_t)a->stride, buffers->b, 0, (size_t)b->stride, beta,
				     buffers->c, 0, (size_t)c->stride, &device->queue, NULL);
	return device_check(code, "CLBlast's product", error);
}

static int multiply_by_loop(struct device *device, float alpha, const struct buffers *buffers,
			    const struct matrix *a, const struct matrix *b, float beta,
			    const struct matrix *c, struct error *error)
{
	const cl_ulong m = (cl_ulong)c->rows, n = (cl_ulong)c->columns, k = (cl_ulong)a->columns,
		       lda = (cl_ulong)a->stride, ldb = (cl_ulong)b->stride,
		       ldc = (cl_ulong)c->stride;
	const struct value values[] = {{sizeof(m), &m},
				       {sizeof(n), &n},
				       {sizeof(k), &k},
				       {sizeof(alpha), &alpha},
				       {sizeof(cl_mem), &buffers->a},
				       {sizeof(lda), &lda},
				       {sizeof(cl_mem), &buffers->b},
				       {sizeof(ldb), &ldb},
				       {sizeof(beta), &beta},
				       {sizeof(cl_mem), &buffers->c},
				       {sizeof(ldc), &ldc}};
	const size_t global[] = {n, m};
	return run(device, "sgemm", values, ARRAY_SIZE(values), 2, global, error);
}

/* What lies between the rows stays as it is. */
static int read_matrix(struct device *device, cl_mem buffer, const struct matrix *matrix,
		       size_t size, struct error *error)
{
	if (matrix->stride == matrix->columns)
		return device_read(device, buffer, matrix->data, size, error);
	cleanup_free float *copy = malloc(size);
	if (!copy)
		return error_set(error, ENOMEM, "no memory for a matrix");
	int result = device_read(device, buffer, copy, size, error);
	for (int64_t row = 0; !result && row < matrix->rows; row++)
		memcpy(matrix->data + row * matrix->stride, copy + row * matrix->stride,
		       (size_t)matrix->columns * sizeof(float));
	return result;
}

int arithmetic_multiply(struct device *device, float alpha, const struct matrix *a,
			const struct matrix *b, float beta, const struct matrix *c,
			struct error *error)
{
	size_t a_size, b_size, c_size;
	cleanup(buffers_release) struct buffers buffers = {.device = device};
	if (a->rows != c->rows || a->columns != b->rows || b->columns != c->columns ||
	    !measure(a, &a_size) || !measure(b, &b_size) || !measure(c, &c_size))
		return error_set(error, EINVAL,
				 "a matrix is missing, or its rows are longer than lda, ldb or "
				 "ldc");
	if (!c_size)
		return 0;
	int result = device_buffer(device, CL_MEM_READ_ONLY, a->data, a_size, &buffers.a, error);
	if (!result)
		result =
		    device_buffer(device, CL_MEM_READ_ONLY, b->data, b_size, &buffers.b, error);
	if (!result)
		result = device_buffer(device, CL_MEM_READ_WRITE, beta != 0 ? c->data : NULL,
				       c_size, &buffers.c, error);
	/* CLBlast refuses products of nothing. */
	bool clblast = device->uses_clblast && a->columns;
	if (!result)
		result = (clblast ? multiply_by_clblast : multiply_by_loop)(device, alpha, &buffers,
									    a, b, beta, c, error);
	return result ? result : read_matrix(device, buffers.c, c, c_size, error);
}

/* ── arrays ──────────────────────────────────────────────────────────────────────────────────── */

int arithmetic_add(struct device *device, const float *a, const float *b, float *sum, size_t count,
		   struct error *error)
{
	const size_t size = count * sizeof(float);
	cleanup(buffers_release) struct buffers buffers = {.device = device};
	if (!count)
		return 0;
	int result = device_buffer(device, CL_MEM_READ_ONLY, a, size, &buffers.a, error);
	if (!result)
		result = device_buffer(device, CL_MEM_READ_ONLY, b, size, &buffers.b, error);
	if (!result)
		result = device_buffer(device, CL_MEM_WRITE_ONLY, NULL, size, &buffers.c, error);
	const struct value values[] = {{sizeof(cl_mem), &buffers.a},
				       {sizeof(cl_mem), &buffers.b},
				       {sizeof(cl_mem), &buffers.c}};
	if (!result)
		result = run(device, "add", values, ARRAY_SIZE(values), 1, &count, error);
	return result ? result : device_read(device, buffers.c, sum, size, error);
}

int arithmetic_copy(struct device *device, const void *from, void *to, size_t size,
		    struct error *error)
{
	cleanup(buffers_release) struct buffers buffers = {.device = device};
	if (!size)
		return 0;
	int result = device_buffer(device, CL_MEM_READ_ONLY, from, size, &buffers.a, error);
	if (!result)
		result = device_buffer(device, CL_MEM_READ_WRITE, NULL, size, &buffers.b, error);
	if (!result)
		result = device_check(device->api.clEnqueueCopyBuffer(device->queue, buffers.a,
								      buffers.b, 0, 0, size, 0,
								      NULL, NULL),
				      "copying", error);
	return result ? result : device_read(device, buffers.b, to, size, error);
}
