/* Overflow-checked arithmetic for sizes and offsets that come from outside.
 * Each returns true where the result does not fit; *result is then not to be used. */
#ifndef MAYFLY_UTIL_CHECKED_H
#define MAYFLY_UTIL_CHECKED_H

#include <stdbool.h>
#include <stdint.h>

#define add_overflows(a, b, result) __builtin_add_overflow((a), (b), (result))
#define mul_overflows(a, b, result) __builtin_mul_overflow((a), (b), (result))

/* True where [offset, offset + length) lies within [0, size). */
static inline bool range_within(uint64_t offset, uint64_t length, uint64_t size)
{
	return offset <= size && length <= size - offset;
}

/* Rounds up to a multiple of `alignment`, a power of two; true where that overflows. */
static inline bool align_up_overflows(uint64_t value, uint64_t alignment, uint64_t *result)
{
	uint64_t sum;
	if (add_overflows(value, alignment - 1, &sum))
		return true;
	*result = sum & ~(alignment - 1);
	return false;
}

#endif
