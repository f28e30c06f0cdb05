/* SHA-256 of memory and files, for content keys and for checking what was downloaded. */
#ifndef MAYFLY_UTIL_HASH_H
#define MAYFLY_UTIL_HASH_H

#include <stddef.h>
#include <stdint.h>

#include "util/error.h"

#define HASH_HEX_SIZE 65 /* 64 hexadecimal digits and a NUL */
#define HASH_SIZE     32

/* Loads what it takes. The first digest does so by itself, but cannot where a process has given up
 * its right to open files. */
int hash_prepare(struct error *error);

int hash_bytes(const void *data, size_t length, uint8_t digest[HASH_SIZE], struct error *error);

/* The digest in hexadecimal. */
int hash_buffer(const void *data, size_t length, char hex[HASH_HEX_SIZE], struct error *error);
int hash_file(const char *path, char hex[HASH_HEX_SIZE], struct error *error);

/* The digest of all that is in an open file; its position does not matter and stays. */
int hash_descriptor(int fd, char hex[HASH_HEX_SIZE], struct error *error);

#endif
