/* Amounts as people write them: sizes (64M), durations (500ms) plain counts, and decimal numbers
 * (1.5). */
#ifndef MAYFLY_OPTIONS_QUANTITY_H
#define MAYFLY_OPTIONS_QUANTITY_H

#include <stddef.h>
#include <stdint.h>

#include "util/error.h"

/* Each parser takes the whole text: no sign, no white space, nothing after the unit. It returns 0,
 * -EINVAL for text that is none, or -ERANGE for an amount that does not fit into 64 bits, and
 * tells in `error` which form is expected. */

/* Bytes: digits and an optional K, M, G or T (powers of 1024; KiB, MiB, … and B are fine too). */
int quantity_parse_size(const char *text, uint64_t *bytes, struct error *error);

/* Nanoseconds: digits and ns, us, ms, s, m or h; without a unit they are seconds. */
int quantity_parse_duration(const char *text, uint64_t *nanoseconds, struct error *error);

int quantity_parse_count(const char *text, uint64_t *count, struct error *error);

/* Thousandths: digits and, behind a point, up to three more. */
int quantity_parse_decimal(const char *text, uint64_t *thousandths, struct error *error);

/* Writes an amount the way that the parsers read it, with the largest unit that divides it. The
 * text is cut where `size` is too small; 32 bytes always do. */
void quantity_format_size(char *out, size_t size, uint64_t bytes);
void quantity_format_duration(char *out, size_t size, uint64_t nanoseconds);
void quantity_format_decimal(char *out, size_t size, uint64_t thousandths);

#endif
