/* Text with names in it that may come from strangers, made fit for a terminal. */
#ifndef MAYFLY_UTIL_TEXT_H
#define MAYFLY_UTIL_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* Puts '?' in the place of control characters; ends of lines and tabs stay. */
static inline void text_make_printable(char *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		bool is_control = (unsigned char)text[i] < ' ' || text[i] == 0x7f;
		if (is_control && text[i] != '\n' && text[i] != '\t')
			text[i] = '?';
	}
}

/* The same, with blanks in the place of ends of lines and tabs. */
static inline void text_make_line(char *text, size_t length)
{
	text_make_printable(text, length);
	for (size_t i = 0; i < length; i++)
		if (text[i] == '\n' || text[i] == '\t')
			text[i] = ' ';
}

#endif
