/* Pseudo files: their text is made when they are opened, as that of the files of /proc is. */
#ifndef MAYFLY_GUEST_PSEUDO_H
#define MAYFLY_GUEST_PSEUDO_H

#include <stddef.h>

#include "file.h"

/* The text while it is made. What does not fit is cut off. */
struct pseudo_text {
	char *text;
	size_t size, length;
	uint64_t subject; /* as the file was made with it */
};

typedef void pseudo_function(struct pseudo_text *out);

void pseudo_print(struct pseudo_text *out, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void pseudo_bytes(struct pseudo_text *out, const void *bytes, size_t length);

/* A file with these permissions that nobody writes; `subject` is told to `generate`. NULL: no
 * memory. */
struct inode *pseudo_create(uint32_t mode, pseudo_function *generate, uint64_t subject);

#endif
