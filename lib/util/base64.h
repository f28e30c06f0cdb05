/* Base64 with the usual alphabet (RFC 4648, section 4). */
#ifndef MAYFLY_UTIL_BASE64_H
#define MAYFLY_UTIL_BASE64_H

#include <stddef.h>
#include <stdint.h>

/* The six bits that a character is for; -1 for what is none. */
static inline int base64_digit(char character)
{
	if (character >= 'A' && character <= 'Z')
		return character - 'A';
	if (character >= 'a' && character <= 'z')
		return character - 'a' + 26;
	if (character >= '0' && character <= '9')
		return character - '0' + 52;
	return character == '+' ? 62 : character == '/' ? 63 : -1;
}

/* Four characters for each three bytes that were begun; they end with a NUL. */
static inline void base64_encode(char *text, const uint8_t *bytes, size_t length)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789+/";
	for (size_t at = 0; at < length; at += 3) {
		const size_t left = length - at;
		const unsigned group = (unsigned)bytes[at] << 16 |
				       (left > 1 ? (unsigned)bytes[at + 1] << 8 : 0) |
				       (left > 2 ? bytes[at + 2] : 0U);
		*text++ = digits[group >> 18];
		*text++ = digits[group >> 12 & 63];
		*text++ = '=';
		*text++ = '=';
		if (left > 1)
			text[-2] = digits[group >> 6 & 63];
		if (left > 2)
			text[-1] = digits[group & 63];
	}
	*text = 0;
}

#endif
