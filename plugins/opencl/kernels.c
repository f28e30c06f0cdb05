/* The plugin's own kernels; see kernels.h. */
#include "kernels.h"

/* Products are those of a plain loop: CLBlast's are faster, where it is installed. */
const char opencl_kernels[] =
    "kernel void add(global const float *a, global const float *b, global float *sum)\n"
    "{\n"
    "	size_t i = get_global_id(0);\n"
    "	sum[i] = a[i] + b[i];\n"
    "}\n"
    "kernel void sgemm(ulong m, ulong n, ulong k, float alpha, global const float *a, ulong lda,\n"
    "	global const float *b, ulong ldb, float beta, global float *c, ulong ldc)\n"
    "{\n"
    "	size_t column = get_global_id(0), row = get_global_id(1);\n"
    "	if (row >= m || column >= n)\n"
    "		return;\n"
    "	float sum = 0;\n"
    "	for (ulong i = 0; i < k; i++)\n"
    "		sum += a[row * lda + i] * b[i * ldb + column];\n"
    "	global float *out = &c[row * ldc + column];\n"
    "	*out = beta == 0 ? alpha * sum : alpha * sum + beta * *out;\n"
    "}\n";
