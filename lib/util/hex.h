/* Bytes as hexadecimal digits. */
#ifndef MAYFLY_UTIL_HEX_H
#define MAYFLY_UTIL_HEX_H

#include <stddef.h>
#include <stdint.h>

#define HEX_UUID_SIZE 37 /* with its NUL */

/* Two lower-case digits for each byte, and a NUL. */
static inline void hex_print(char *out, const uint8_t *bytes, size_t count)
{
	static const char digits[] = "0123456789abcdef";
	for (size_t i = 0; i < count; i++) {
		*out++ = digits[bytes[i] >> 4];
		*out++ = digits[bytes[i] & 15];
	}
	*out = 0;
}

/* The value of a digit, in either case; -1 for what is none. */
static inline int hex_digit(char character)
{
	const char lower = (char)(character | 0x20);
	if (character >= '0' && character <= '9')
		return character - '0';
	return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* A UUID of these bytes (RFC 9562), of which a few bits say that it is one, and its version. */
static inline void hex_print_uuid(char out[HEX_UUID_SIZE], const uint8_t bytes[16],
				  unsigned version)
{
	static const unsigned char groups[] = {4, 2, 2, 2, 6};
	uint8_t marked[16];
	for (size_t i = 0; i < sizeof(marked); i++)
		marked[i] = bytes[i];
	marked[6] = (uint8_t)((version << 4) | (bytes[6] & 0xf));
	marked[8] = (uint8_t)(0x80 | (bytes[8] & 0x3f));
	const uint8_t *next = marked;
	for (size_t i = 0; i < sizeof(groups); i++) {
		hex_print(out, next, groups[i]);
		out += 2UL * groups[i];
		next += groups[i];
		*out++ = i + 1 < sizeof(groups) ? '-' : 0;
	}
}

#endif
