/* vAccel's ops with fixed meanings on an OpenCL device. All return 0 or a negative errno. */
#ifndef MAYFLY_OPENCL_ARITHMETIC_H
#define MAYFLY_OPENCL_ARITHMETIC_H

#include <stdint.h>

#include "device.h"

/* A matrix of `rows` rows of `columns` floats, each `stride` floats after the one before. */
struct matrix {
	float *data;
	int64_t rows, columns, stride;
};

/* c = alpha * a * b + beta * c. -EINVAL where the matrices do not fit. */
int arithmetic_multiply(struct device *device, float alpha, const struct matrix *a,
			const struct matrix *b, float beta, const struct matrix *c,
			struct error *error);

/* Element by element: `count` of each. */
int arithmetic_add(struct device *device, const float *a, const float *b, float *sum, size_t count,
		   struct error *error);

/* Through the device's memory. */
int arithmetic_copy(struct device *device, const void *from, void *to, size_t size,
		    struct error *error);

#endif
