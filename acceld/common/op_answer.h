/* What peers are told of why an op failed. */
#ifndef MAYFLY_ACCELD_OP_ANSWER_H
#define MAYFLY_ACCELD_OP_ANSWER_H

#include <stddef.h>

#include "accel/wire/wire.h"

/* Copies the reason without the directories of absolute paths: where files lie on this host is
 * nothing that a guest should know. What does not fit into `size` bytes is cut off. */
void op_answer_hide_paths(const char *reason, char *text, size_t size);

/* wire_answer(), and why where the answer is an error: the reason of the op that was run last on
 * this thread, or that its results do not fit. */
void op_answer_write(struct wire_message *message, int status, uint64_t op_ns);

#endif
