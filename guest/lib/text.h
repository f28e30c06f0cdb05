/* Memory and text helpers of a freestanding program: the four functions that the compiler may call,
 * a printf small enough to be read, and a hash. */
#ifndef MAYFLY_GUEST_TEXT_H
#define MAYFLY_GUEST_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void *memcpy(void *restrict to, const void *restrict from, size_t length);
void *memmove(void *to, const void *from, size_t length);
void *memset(void *to, int value, size_t length);
int memcmp(const void *left, const void *right, size_t length);
size_t strlen(const char *text);
int strcmp(const char *left, const char *right);
int strncmp(const char *left, const char *right, size_t length);

/* Reads a decimal number below `limit` that all of the text is, without zeros in front. */
bool text_parse_number(const char *text, size_t length, uint64_t limit, uint64_t *number);

/* FNV-1a. */
uint32_t text_hash(const char *text, size_t length);

/* Formats %s %d %u %x %p %% (with l, and a width with zero padding for numbers) into out[size].
 * Returns the length written, without the NUL that always ends it. */
size_t text_format(char *out, size_t size, const char *format, va_list arguments);
size_t text_print(char *out, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
