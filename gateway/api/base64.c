#include "api/base64.h"

#include <errno.h>

#include "util/base64.h"

long base64_decode(const char *text, size_t length, uint8_t *bytes)
{
	unsigned group = 0, count = 0, padding = 0;
	long used = 0;
	for (size_t i = 0; i < length; i++) {
		if (text[i] == '\r' || text[i] == '\n')
			continue;
		const int value = base64_digit(text[i]);
		if (text[i] == '=')
			padding++;
		else if (value < 0 || padding)
			return -EINVAL;
		group = group << 6 | (value < 0 ? 0 : (unsigned)value);
		if (++count % 4)
			continue;
		if (padding > 2)
			return -EINVAL;
		for (unsigned k = 0; k < 3 - padding; k++)
			bytes[used++] = (uint8_t)(group >> (16 - 8 * k));
		group = 0;
	}
	return count % 4 || padding > 2 ? -EINVAL : used;
}
