/* A command line (envProcess), split into words. */
#ifndef MAYFLY_GATEWAY_COMMAND_LINE_H
#define MAYFLY_GATEWAY_COMMAND_LINE_H

#include "util/error.h"

/* Blanks, tabs and ends of lines separate words. Within '…' all stands for itself; within "…" a backslash
 * makes " \ $ and ` stand for themselves, outside it does so for any character. Nothing else is special:
 * there are no variables, patterns or pipes. *words ends with NULL, and is the caller's to free, in one
 * piece. EINVAL: a quotation mark without its other, a backslash at the end, or no word at all. */
int command_line_split(const char *text, char ***words, struct error *error);

#endif
