/* The codec of mayfly/wire.h: messages made and results read by a caller (encode.c), messages
 * read and answered by a host that trusts nothing in them (decode.c).
 *
 * All functions return 0 or a negative errno; none keeps state of its own, so any number of threads
 * may use them on different messages.
 */
#ifndef MAYFLY_ACCEL_WIRE_WIRE_H
#define MAYFLY_ACCEL_WIRE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "accel/wire/call.h"
#include "mayfly/wire.h"
#include "util/budget.h"
#include "util/error.h"
#include "vaccel/arg.h"

/* Writes the message for `call` at `buffer` (aligned to WIRE_ALIGNMENT, `capacity` bytes) and sets
 * *extent to how much of it the host may use: up to the last reserved output and WIRE_REASON_MAX at
 * least, or all of `capacity` where an output grows. `request` comes back in the answer. -ENOSPC
 * where the message does not fit, -E2BIG for more than WIRE_ARGUMENTS_MAX arguments. */
int wire_encode(void *buffer, uint64_t capacity, const struct accel_call *call, uint64_t request,
		uint64_t *extent);

/* Reads the answer to that message into the outputs of `call`, which is the same as it was then: data,
 * `size`, and for an output that
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

static inline bool wire_is_used_in_place(vaccel_arg_type_t type, uint64_t size)
{
	return (type == VACCEL_ARG_FLOAT32_ARRAY || type == VACCEL_ARG_FLOAT64_ARRAY) &&
	       size > WIRE_IN_PLACE_MIN;
}

/* A received message. Reusable: up to 256 KiB of its private memory, and lists of 64 arguments, are
 * kept for the next one. */
struct wire_message {
	struct wire_header header;    /* private copy */
	struct vaccel_arg *arguments; /* inputs, then outputs */
	uint32_t *output_flags;	      /* by output */

	uint8_t *base; /* the shared message */
	uint64_t extent;
	uint8_t *window; /* in which arguments may lie outside of the message; NULL: none may */
	uint64_t window_size;
	struct wire_argument *descriptors; /* private copies */
	void *lists;			   /* memory of the three lists above */
	size_t lists_capacity;		   /* arguments */
	uint8_t *copies; /* private memory of the arguments that are not used in place */
	size_t copies_capacity, copies_used;
	uint8_t *tensors; /* private memory of those that were; see wire_copy_tensors() */
	struct budget *budget;
	uint64_t budget_taken;
	uint64_t needed; /* bytes that the last answer takes, or would take */
};

/* Nothing is allocated yet. Private memory beyond 256 KiB is taken out of `budget` (NULL: out of
 * none) while a message is served. */
void wire_message_init(struct wire_message *message, struct budget *budget);
void wire_message_release(struct wire_message *message);

/* From now on arguments may lie in these `size` bytes (WIRE_ARGUMENT_IN_WINDOW), which are shared with
 * the sender of the messages, and stay. */
void wire_message_use_window(struct wire_message *message, uint8_t *window, uint64_t size);

/* Checks the message of `extent` bytes at `base` (shared with the sender, aligned to
 * WIRE_ALIGNMENT) and fills in header, arguments and output_flags. An input of type STRING ends in
 * a NUL, a BOOL is 0 or 1, and every length is a multiple of its type's size. Outputs are zeroed,
 * but those in place, and those that carry (WIRE_ARGUMENT_CARRIES), which have the sender's content.
 * Arguments are valid until the answer, the next wire_decode() or release.
 * -EBADMSG with the reason in `error`. -ENOMEM: the message may be sound; refuse it. */
int wire_decode(struct wire_message *message, void *base, uint64_t extent, struct error *error);

/* Copies the inputs that wire_decode() left in place, too. 0 or -ENOMEM. */
int wire_copy_tensors(struct wire_message *message, struct error *error);

/* The bytes that the message takes with all its arguments inside: what wire_repack() needs. Outputs that
 * grow need more. */
uint64_t wire_packed_size(const struct wire_message *message);

/* Makes of a decoded message the same one at `to` (aligned to WIRE_ALIGNMENT), with all its arguments
 * inside: for a process that does not share the sender's memory. -ENOSPC where `capacity` is too
 * small. */
int wire_repack(const struct wire_message *message, void *to, uint64_t capacity);

/* Answers the message by what that process has answered at `from`, which is not trusted: as
 * wire_answer(), with its reason. `capacity` is that of wire_repack(). */
void wire_answer_from(struct wire_message *message, const void *from, uint64_t capacity);

/* Adds to an answer whose status is not 0 why it is not: at most WIRE_REASON_MAX bytes, as far as
 * the sender has left room. */
void wire_explain(struct wire_message *message, const char *reason);

/* The text that wire_explain() has put into an answer: at most `size` bytes with the NUL, "" where
 * there is none. */
void wire_read_reason(const void *buffer, uint64_t extent, char *reason, size_t size);

/* For a message that somebody else has answered: its arguments are not valid any more. */
void wire_forget(struct wire_message *message);

/* Answers by `status` a message that wire_decode() had no memory for. */
void wire_refuse(struct wire_message *message, int status);

/* Writes the results, their lengths (arguments[].size), `status` (a VACCEL_ value) and `op_ns` into
 * the shared message, and frees the buffers of outputs that have grown (malloc'ed, `owned`). A
 * result that does not fit turns the status into VACCEL_ENOSPC, and `needed` says how long the
 * message would have to be. Returns the status. */
int wire_answer(struct wire_message *message, int status, uint64_t op_ns);

#endif
