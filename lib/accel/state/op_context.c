/* The deadline of a thread's ops, and why the last one failed; see mayfly/results.h. */
#include "accel/state/op_context.h"
#include "mayfly/results.h"

#include <string.h>

/* CLOCK_MONOTONIC in ns; 0: none. */
static _Thread_local uint64_t op_deadline_ns;

static _Thread_local char op_reason[MAYFLY_REASON_SIZE];

static _Thread_local struct {
	const struct vaccel_arg *outputs;
	size_t count;
} op_rooms;

void op_set_output_rooms(const struct vaccel_arg *outputs, size_t count)
{
	op_rooms.outputs = outputs;
	op_rooms.count = count;
}

void *mayfly_op_output_room(size_t index, size_t *size)
{
	if (index >= op_rooms.count)
		return NULL;
	const struct vaccel_arg *data = &op_rooms.outputs[2 * index + 1];
	*size = data->size;
	return data->buf;
}

void mayfly_op_set_deadline(uint64_t deadline_ns)
{
	op_deadline_ns = deadline_ns;
}

uint64_t mayfly_op_deadline_ns(void)
{
	return op_deadline_ns;
}

void mayfly_op_set_reason(const char *reason)
{
	if (!*reason) { /* as each call begins */
		op_reason[0] = 0;
		return;
	}
	size_t length = strnlen(reason, sizeof(op_reason) - 1);
	memcpy(op_reason, reason, length);
	op_reason[length] = 0;
}

const char *mayfly_op_reason(void)
{
	return op_reason;
}
