/* UTF-8 from anybody; see utf8.h. Part of every guest program: no allocation. */
#include "util/utf8.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static const char replacement[] = "\xef\xbf\xbd"; /* U+FFFD */

size_t utf8_sequence(const char *bytes, size_t left, bool *sound)
{
	const uint8_t *text = (const uint8_t *)bytes;
	uint8_t first = text[0];
	/* Of what the second byte may be, the first says more than 80 to BF: no character is longer
	 * than it must be, is half of a surrogate pair, or lies beyond U+10FFFF. */
	uint8_t low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
	uint8_t high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
	size_t length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
	*sound = first < 0x80 || (first >= 0xc2 && first <= 0xf4);
	if (!*sound)
		return 1;
	for (size_t i = 1; i < length; i++) {
		if (i == left || text[i] < low || text[i] > high) {
			*sound = false;
			return i;
		}
		low = 0x80;
		high = 0xbf;
	}
	return length;
}

size_t utf8_copy(char *out, size_t size, const char *text, size_t length)
{
	size_t used = 0;
	length = strnlen(text, length);
	while (length) {
		bool sound;
		size_t taken = utf8_sequence(text, length, &sound);
		size_t given = sound ? taken : sizeof(replacement) - 1;
		if (given >= size - used)
			break;
		memcpy(out + used, sound ? text : replacement, given);
		used += given;
		text += taken;
		length -= taken;
	}
	out[used] = 0;
	return used;
}
