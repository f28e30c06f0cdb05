/* The head of a request of HTTP/1.1, as a stranger sends it: where it ends, and that the connection is
 * not used again. */
#ifndef MAYFLY_OCI_CONTAINER_HEAD_H
#define MAYFLY_OCI_CONTAINER_HEAD_H

#include <stddef.h>

#define HEAD_MAX (64UL << 10)

/* The length of the head, with the empty line behind it; 0: it is not over. */
size_t head_length(const char *text, size_t length);

/* Writes the head into `out`, of HEAD_MAX + 64 bytes, with "Connection: close" in place of what it
 * says of the connection; one that wants an upgrade is left as it is. Its new length. */
size_t head_close(const char *head, size_t length, char *out);

#endif
