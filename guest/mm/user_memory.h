/* Pointers from the program. Each goes through one of these functions before it is used: a bad
 * one is the program's EFAULT, not a fault of the library OS. */
#ifndef MAYFLY_GUEST_USER_MEMORY_H
#define MAYFLY_GUEST_USER_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool user_readable(uint64_t address, uint64_t length);
bool user_writable(uint64_t address, uint64_t length);

/* The program has all of that mapped, whatever it may do with it. */
bool user_mapped(uint64_t address, uint64_t length);

/* How many of the bytes, from the first on, may be read or written. */
uint64_t user_readable_length(uint64_t address, uint64_t length);
uint64_t user_writable_length(uint64_t address, uint64_t length);

/* Copies an object from or to the program. 0 or -EFAULT. */
int user_copy_in(void *out, uint64_t address, size_t length);
int user_copy_out(uint64_t address, const void *in, size_t length);

/* Copies a NUL-terminated string into a buffer. 0, -EFAULT or -ENAMETOOLONG. */
int user_string(uint64_t address, char *out, size_t size);

#endif
