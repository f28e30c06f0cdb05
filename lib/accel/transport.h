/* How calls leave the process: one small interface between the vAccel API and whatever carries
 * wire.h messages (a window and a hypercall in a guest; a socket elsewhere).
 *
 * Everything that a remote session does is a call: ops, but also opening and releasing the session
 * and registering its resources (enum wire_op in mayfly/wire.h names them and their arguments).
 */
#ifndef MAYFLY_ACCEL_TRANSPORT_H
#define MAYFLY_ACCEL_TRANSPORT_H

#include <stddef.h>
#include <stdint.h>

#include "vaccel/arg.h"

/* One call. The caller owns all arrays and what they point to. */
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
	const uint32_t *output_flags; /* WIRE_ARGUMENT_GROWS for each output, or NULL: none grows */
	uint64_t deadline_ns; /* how long the call may take, in ns; 0: no limit of its own */
};

/* An open transport. call() may be used by several threads at once; it returns 0 or a positive
 * VACCEL_E… code: the answer's own, or VACCEL_ENOSPC (message larger than the transport can
 * carry), VACCEL_EREMOTEIO (the other side went away or answered nonsense). close() releases the
 * transport itself; no call may be under way. */
struct accel_transport {
	int (*call)(struct accel_transport *transport, const struct accel_call *call);
	void (*close)(struct accel_transport *transport);
};

/* The window of the Mayfly guest that this program runs in. VACCEL_ENOTSUP outside of one.
 * Only in the guest build. */
int accel_transport_window_open(struct accel_transport **out);

#endif
