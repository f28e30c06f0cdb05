/* Files whose text is made when they are opened, as those of /proc are. */
#ifndef MAYFLY_GUEST_GENERATED_H
#define MAYFLY_GUEST_GENERATED_H

#include <stddef.h>

struct file;
struct node;

/* The text while it is made. What does not fit is cut off. */
struct generated_text {
	char *text;
	size_t size, length;
};

typedef void generated_function(struct generated_text *out);

void generated_print(struct generated_text *out, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void generated_bytes(struct generated_text *out, const void *bytes, size_t length);

/* A file that nobody writes; NULL: no memory. */
struct node *generated_create(generated_function *generate);

/* Makes the text for a file that is being opened. 0 or -ENOMEM. */
int generated_open(struct file *file);

#endif
