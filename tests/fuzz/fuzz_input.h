/* The input of a fuzzer as a guest or a peer that takes what it says and does from there, byte by byte;
 * zeros when it is used up. One for each fuzzer. */
#ifndef MAYFLY_TESTS_FUZZ_INPUT_H
#define MAYFLY_TESTS_FUZZ_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static struct {
	const uint8_t *next, *end;
} input;

static inline void begin_input(const uint8_t *data, size_t size)
{
	input.next = data;
	input.end = data + size;
}

static inline bool has_input(void)
{
	return input.next < input.end;
}

/* Fills `out`; returns how many bytes of that were of the input. */
static inline size_t take_bytes(void *out, size_t length)
{
	const size_t left = (size_t)(input.end - input.next);
	const size_t got = length < left ? length : left;
	memset(out, 0, length);
	if (got)
		memcpy(out, input.next, got);
	input.next += got;
	return got;
}

static inline uint8_t take_byte(void)
{
	return has_input() ? *input.next++ : 0;
}

/* Something that holds whatever the input is. */
static inline void check(bool promise)
{
	if (!promise)
		abort();
}

#endif
