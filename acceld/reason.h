/* What peers are told of why an op failed. */
#ifndef MAYFLY_ACCELD_REASON_H
#define MAYFLY_ACCELD_REASON_H

#include <stddef.h>

/* Copies the reason without the directories of absolute paths: where files lie on this host is
 * nothing that a guest should know. What does not fit into `size` bytes is cut off. */
void reason_for_peers(const char *reason, char *text, size_t size);

#endif
