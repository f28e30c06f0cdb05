/* What belongs to the op that a thread runs: its deadline, and why it failed (mayfly/results.h has
 * the public side of both). */
#ifndef MAYFLY_ACCEL_STATE_OP_CONTEXT_H
#define MAYFLY_ACCEL_STATE_OP_CONTEXT_H

#include <stddef.h>

#include "vaccel/arg.h"

/* Says why a call cannot even be made, to the log and to mayfly_op_reason(). Returns `code`, a
 * positive VACCEL_E… value. */
int op_refuse(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The error for a picture without bytes, which a mistake in a shell often leads to.
 * VACCEL_EINVAL. */
int op_refuse_empty_picture(void);

/* What mayfly_op_output_room() tells on this thread: the data of output i is to go to
 * outputs[2 * i + 1], where that has a place. `count`: of outputs; 0: there are no such places. */
void op_set_output_rooms(const struct vaccel_arg *outputs, size_t count);

#endif
