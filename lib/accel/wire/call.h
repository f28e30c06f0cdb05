/* One call to the other side: what goes into a message, and where its answer goes. */
#ifndef MAYFLY_ACCEL_WIRE_CALL_H
#define MAYFLY_ACCEL_WIRE_CALL_H

#include <stddef.h>
#include <stdint.h>

#include "vaccel/arg.h"

/* The caller owns all arrays and what they point to. */
struct accel_call {
	uint16_t op;	 /* vaccel_op_type_t or enum wire_op */
	int64_t session; /* the remote session's id; 0 for none */
	const struct vaccel_arg *inputs;
	size_t input_count;
	/* `size` of an output is the room at `buf` on entry and the length of the result on return.
	 * A growing output has no buffer on entry; on return `buf` is malloc'ed memory that belongs
	 * to the caller (owned = true; NULL where the result is empty). Where the call fails, no
	 * output holds memory. */
	struct vaccel_arg *outputs;
	size_t output_count;
	/* WIRE_ARGUMENT_GROWS and WIRE_ARGUMENT_CARRIES for each output, or NULL: none does. */
	const uint32_t *output_flags;
	uint64_t deadline_ns; /* how long the call may take, in ns; 0: no limit of its own */
	/* The transport's: memory that the other side sees as well (NULL: none). Large arrays of
	 * floating-point numbers that lie in it are not copied. */
	const uint8_t *window;
	uint64_t window_size;
};

#endif
