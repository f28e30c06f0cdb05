/* Text of anybody's, made what JSON and Python take for text. */
#ifndef MAYFLY_UTIL_UTF8_H
#define MAYFLY_UTIL_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* Copies `text`, at most `length` bytes and not beyond a NUL, to `out`, which has room for `size`
 * bytes (at least 1) and must not overlap it. What is no UTF-8 becomes U+FFFD, one for each broken
 * sequence, as Unicode recommends and most decoders do. Where there is no room, the copy ends with
 * the last whole character. Returns the bytes written, without the NUL behind them. */
size_t utf8_copy(char *out, size_t size, const char *text, size_t length);

#define UTF8_BYTES_MAX 4 /* of a character */

/* The bytes of the character at `text`, of which `left` (at least 1) are there. Where it is not
 * *sound, of what can be skipped as one: the longest beginning of a character that could have been.
 */
size_t utf8_sequence(const char *text, size_t left, bool *sound);

#endif
