/* Matrices in rows. */
#ifndef MAYFLY_ACCEL_OPS_MATRIX_H
#define MAYFLY_ACCEL_OPS_MATRIX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sizes/sizes.h"

/* The bytes from the first to the last number of a matrix of floats, with `stride` floats from row to
 * row. False where no matrix is like that. */
static inline bool matrix_bytes(int64_t rows, int64_t columns, int64_t stride, size_t *bytes)
{
	*bytes = 0;
	if (rows < 0 || columns < 0 || stride < columns)
		return false;
	if (!rows || !columns)
		return true;
	return !mul_overflows((size_t)rows - 1, (size_t)stride, bytes) &&
	       !add_overflows(*bytes, (size_t)columns, bytes) &&
	       !mul_overflows(*bytes, sizeof(float), bytes);
}

#endif
