#include "http/chunked.h"

#include <errno.h>
#include <stdbool.h>

#include "sizes/sizes.h"
#include "util/hex.h"

#define LINE_MAX_BYTES	  4096 /* of a chunk's size and its extensions */
#define TRAILER_MAX_BYTES 65536

/* Where in chunks the next byte is. */
enum state {
	SIZE_BEGIN,
	SIZE,
	EXTENSION, /* passed over */
	SIZE_LF,
	DATA,
	DATA_CR,
	DATA_LF,
	TRAILER_BEGIN,
	TRAILER, /* passed over */
	TRAILER_LF,
	END_LF,
	END,
};

static bool is_passed_over(char byte)
{
	return ((uint8_t)byte >= 0x20 || byte == '\t') && byte != 0x7f;
}

/* The state behind a byte of the line with a chunk's size; -1: it is not sound. */
static int read_size(struct chunked *chunked, char byte)
{
	const int digit = hex_digit(byte);
	if (++chunked->line > LINE_MAX_BYTES)
		return -1;
	if (chunked->state != EXTENSION && digit >= 0) {
		if (mul_overflows(chunked->left, 16U, &chunked->left) ||
		    add_overflows(chunked->left, (unsigned)digit, &chunked->left) ||
		    chunked->left > INT64_MAX)
			return -1;
		return SIZE;
	}
	if (chunked->state == SIZE_BEGIN)
		return -1;
	if (byte == '\r')
		return SIZE_LF;
	if (chunked->state == SIZE)
		return byte == ';' || byte == ' ' || byte == '\t' ? EXTENSION : -1;
	return is_passed_over(byte) ? EXTENSION : -1;
}

static int read_trailer(struct chunked *chunked, char byte)
{
	if (++chunked->trailer > TRAILER_MAX_BYTES)
		return -1;
	if (byte == '\r')
		return chunked->state == TRAILER_BEGIN ? END_LF : TRAILER_LF;
	return is_passed_over(byte) ? TRAILER : -1;
}

static int step(struct chunked *chunked, char byte)
{
	switch (chunked->state) {
	case SIZE_BEGIN:
	case SIZE:
	case EXTENSION:
		return read_size(chunked, byte);
	case SIZE_LF:
		return byte != '\n' ? -1 : chunked->left ? DATA : TRAILER_BEGIN;
	case DATA_CR:
		return byte == '\r' ? DATA_LF : -1;
	case DATA_LF:
		chunked->line = 0;
		return byte == '\n' ? SIZE_BEGIN : -1;
	case TRAILER_BEGIN:
	case TRAILER:
		return read_trailer(chunked, byte);
	case TRAILER_LF:
		return byte == '\n' ? TRAILER_BEGIN : -1;
	case END_LF:
		return byte == '\n' ? END : -1;
	default:
		return -1;
	}
}

static size_t take_data(struct chunked *chunked, const uint8_t **data, size_t *length)
{
	const size_t taken = *length < chunked->left ? *length : (size_t)chunked->left;
	*data += taken;
	*length -= taken;
	chunked->left -= taken;
	if (!chunked->left)
		chunked->state = DATA_CR;
	return taken;
}

int chunked_take(struct chunked *chunked, const uint8_t **data, size_t *length, size_t *piece)
{
	*piece = 0;
	while (*length) {
		if (chunked->state == DATA) {
			*piece = take_data(chunked, data, length);
			return 0;
		}
		const char byte = (char)*(const volatile uint8_t *)*data;
		++*data;
		--*length;
		const int next = step(chunked, byte);
		if (next < 0)
			return -EPROTO;
		chunked->state = (unsigned)next;
		if (next == END)
			return 1;
	}
	return 0;
}
