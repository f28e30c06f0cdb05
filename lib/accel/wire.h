/* The codec of mayfly/wire.h: messages made and results read by a caller (wire_encode.c), messages
 * read and answered by a host that trusts nothing in them (wire_decode.c).
 *
 * All functions return 0 or a negative errno; none keeps state of its own, so any number of threads
 * may use them on different messages.
 */
#ifndef MAYFLY_ACCEL_WIRE_H
#define MAYFLY_ACCEL_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include "accel/transport.h"
#include "mayfly/wire.h"
#include "util/budget.h"
#include "util/error.h"
#include "vaccel/arg.h"

/* Writes the message for `call` at `buffer` (aligned to WIRE_ALIGNMENT, `capacity` bytes) and sets
 * *extent to how much of it the host may use: up to the last reserved output, or all of `capacity`
 * where an output grows. `request` comes back in the answer. -ENOSPC where the message does not
 * fit, -E2BIG for more than WIRE_ARGUMENTS_MAX arguments. */
int wire_encode(void *buffer, uint64_t capacity, const struct accel_call *call, uint64_t request,
		uint64_t *extent);

/* Reads the answer to that message into the outputs of `call`: data, `size`, and for an output that
 * grows a malloc'ed `buf` with `owned` set. *status is the op's own result, a VACCEL_ value; the
 * outputs are filled only where it is 0. -EBADMSG where the answer is not one to this message. */
int wire_read_answer(const void *buffer, uint64_t extent, const struct accel_call *call,
		     uint64_t request, int *status);

/* Floating-point arrays longer than this are used where they lie; all other arguments are copied
 * first, and results that are copied are written from private memory at the end. The sender can
 * change shared memory at any time: sizes, indices, strings and files must not change between
 * their check and their use, numbers that are only multiplied and added may. Where the sender also
 * chose what is done with the numbers (they may be sorted, say), wire_copy_tensors() comes first.
 */
#define WIRE_IN_PLACE_MIN 4096

/* A received message. Reusable: up to 256 KiB of its private memory are kept for the next one.
 * About 6 KiB itself. */
struct wire_message {
	struct wire_header header;			 /* private copy */
	struct vaccel_arg arguments[WIRE_ARGUMENTS_MAX]; /* inputs, then outputs */
	uint32_t output_flags[WIRE_ARGUMENTS_MAX];	 /* by output */

	uint8_t *base; /* the shared message */
	uint64_t extent;
	struct wire_argument descriptors[WIRE_ARGUMENTS_MAX]; /* private copies */
	uint8_t *copies; /* private memory of the arguments that are not used in place */
	size_t copies_capacity, copies_used;
	uint8_t *tensors; /* private memory of those that were; see wire_copy_tensors() */
	struct budget *budget;
	uint64_t budget_taken;
};

/* Nothing is allocated yet. Private memory beyond 256 KiB is taken out of `budget` (NULL: out of
 * none) while a message is served. */
void wire_message_init(struct wire_message *message, struct budget *budget);
void wire_message_release(struct wire_message *message);

/* Checks the message of `extent` bytes at `base` (shared with the sender, aligned to
 * WIRE_ALIGNMENT) and fills in header, arguments and output_flags. An input of type STRING ends in
 * a NUL, a BOOL is 0 or 1, and every length is a multiple of its type's size. Outputs are zeroed,
 * but those in place. Arguments are valid until the answer, the next wire_decode() or release.
 * -EBADMSG with the reason in `error`. -ENOMEM: the message may be sound; refuse it. */
int wire_decode(struct wire_message *message, void *base, uint64_t extent, struct error *error);

/* Copies the inputs that wire_decode() left in place, too. 0 or -ENOMEM. */
int wire_copy_tensors(struct wire_message *message, struct error *error);

/* Adds to an answer whose status is not 0 why it is not, as far as there is room. */
void wire_explain(struct wire_message *message, const char *reason);

/* The text that wire_explain() has put into an answer: at most `size` bytes with the NUL, "" where
 * there is none. */
void wire_read_reason(const void *buffer, uint64_t extent, char *reason, size_t size);

/* Answers by `status` a message that wire_decode() had no memory for. */
void wire_refuse(struct wire_message *message, int status);

/* Writes the results, their lengths (arguments[].size), `status` (a VACCEL_ value) and `op_ns` into
 * the shared message, and frees the buffers of outputs that have grown (malloc'ed, `owned`). A
 * result that does not fit turns the status into VACCEL_ENOSPC. */
void wire_answer(struct wire_message *message, int status, uint64_t op_ns);

#endif
