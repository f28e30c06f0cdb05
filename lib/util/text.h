/* Endings of text; and text with names in it that may come from strangers, made fit for a
 * terminal. */
#ifndef MAYFLY_UTIL_TEXT_H
#define MAYFLY_UTIL_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* Puts '?' in the place of each byte of what a terminal would obey or be deceived by: control
 * characters (U+0000 to U+001F, U+007F to U+009F), those that turn the direction of writing or end
 * a line, and what is no UTF-8. Ends of lines and tabs stay. */
void text_make_printable(char *text, size_t length);

/* The same, with blanks in the place of ends of lines and tabs. */
void text_make_line(char *text, size_t length);

bool text_ends_with(const char *text, const char *ending);

#endif
