/* Text; see text.h. */
#include "util/text.h"

#include <stdint.h>
#include <string.h>

#include "util/utf8.h"

/* Of a sound sequence. */
static uint32_t code_point(const char *text, size_t length)
{
	const uint32_t first = (unsigned char)text[0];
	uint32_t code = length == 1 ? first : first & (0x7fU >> length);
	for (size_t i = 1; i < length; i++)
		code = code << 6 | ((unsigned char)text[i] & 0x3f);
	return code;
}

static bool is_fit(uint32_t code)
{
	if (code == '\n' || code == '\t')
		return true;
	const bool controls = code < ' ' || (code >= 0x7f && code <= 0x9f);
	/* Marks, embeddings, overrides and isolates of the direction; separators of lines and
	 * paragraphs lie among them. */
	const bool turns = code == 0x061c || code == 0x200e || code == 0x200f ||
			   (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
	return !controls && !turns;
}

void text_make_printable(char *text, size_t length)
{
	for (size_t at = 0; at < length;) {
		bool sound;
		size_t taken = utf8_sequence(text + at, length - at, &sound);
		if (!sound || !is_fit(code_point(text + at, taken)))
			memset(text + at, '?', taken);
		at += taken;
	}
}

void text_make_line(char *text, size_t length)
{
	text_make_printable(text, length);
	for (size_t i = 0; i < length; i++)
		if (text[i] == '\n' || text[i] == '\t')
			text[i] = ' ';
}

bool text_ends_with(const char *text, const char *ending)
{
	const size_t length = strlen(text), wanted = strlen(ending);
	return length >= wanted && !strcmp(text + length - wanted, ending);
}
