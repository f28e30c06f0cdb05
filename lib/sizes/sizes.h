/* Sizes, offsets and counts. The library OS uses this, too: nothing here needs a C library. */
#ifndef MAYFLY_SIZES_H
#define MAYFLY_SIZES_H

#include <stdbool.h>
#include <stdint.h>

/* How many elements an array has; the compiler warns where it is a pointer. */
#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

/* Arithmetic for what comes from outside: true where the result does not fit; *result is then not
 * to be used. */
#define add_overflows(a, b, result) __builtin_add_overflow((a), (b), (result))
#define mul_overflows(a, b, result) __builtin_mul_overflow((a), (b), (result))

/* True where [offset, offset + length) lies within [0, size). */
static inline bool range_within(uint64_t offset, uint64_t length, uint64_t size)
{
	return offset <= size && length <= size - offset;
}

/* The multiple of `unit`, a power of two, at or below `value`. */
static inline uint64_t round_down(uint64_t value, uint64_t unit)
{
	return value & ~(unit - 1);
}

/* The one at or above it; for values that are known to be far from the largest ones. */
static inline uint64_t round_up(uint64_t value, uint64_t unit)
{
	return round_down(value + unit - 1, unit);
}

/* The same for any value; true where that overflows. */
static inline bool round_up_overflows(uint64_t value, uint64_t unit, uint64_t *result)
{
	uint64_t sum;
	if (add_overflows(value, unit - 1, &sum))
		return true;
	*result = round_down(sum, unit);
	return false;
}

/* How many units hold `value`; of any value and unit but 0. */
static inline uint64_t divide_up(uint64_t value, uint64_t unit)
{
	return value / unit + (value % unit != 0);
}

#endif
