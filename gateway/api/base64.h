/* Base64 with the usual alphabet, padded: as JSON has bytes. */
#ifndef MAYFLY_GATEWAY_BASE64_H
#define MAYFLY_GATEWAY_BASE64_H

#include <stddef.h>
#include <stdint.h>

/* How much room decoding wants. */
static inline size_t base64_room(size_t length)
{
	return length / 4 * 3 + 3;
}

/* Ends of lines are passed over, as Go does. The number of bytes, or -EINVAL. */
long base64_decode(const char *text, size_t length, uint8_t *bytes);

#endif
