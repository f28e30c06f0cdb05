/* The virtio device `accel`; see accel.h. */
#include "accel.h"

#include <errno.h>
#include <stdlib.h>

#include "accel/wire/ops.h"
#include "accel/wire/wire.h"
#include "monitor/slot/slot.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "vaccel/error.h"
#include "vaccel/op.h"

/* ── types of arguments ──────────────────────────────────────────────────────────────────────── */

/* What ops take, for drivers that do not say: letters of mayfly/ops.def. */
static const struct {
	uint16_t op;
	const char *inputs, *outputs;
} signatures[] = {
#define API_OP(name, shim, inputs, outputs, flags) {VACCEL_OP_##name, inputs, outputs},
#include "mayfly/ops.def"
};

static vaccel_arg_type_t type_of(char letter)
{
	switch (letter) {
	case 'b':
		return VACCEL_ARG_BUFFER;
	case 't':
		return VACCEL_ARG_UCHAR_ARRAY;
	case 'z':
		return VACCEL_ARG_STRING;
	case 'i':
	case 'm':
		return VACCEL_ARG_INT64;
	case 'f':
		return VACCEL_ARG_FLOAT32;
	case 'F':
		return VACCEL_ARG_FLOAT32_ARRAY;
	default: /* of any type */
		return VACCEL_ARG_RAW;
	}
}

/* Gives arguments the types of a signature, whose last part may repeat. Whether there are as many as
 * there should be is for the host to say. */
static void give_types(const char *signature, struct vaccel_arg *args, size_t count)
{
	const char *next = signature, *repeated = NULL;
	for (size_t i = 0; i < count; i++) {
		if (*next == '(')
			repeated = ++next;
		if (*next == ')' && repeated)
			next = repeated;
		args[i].type = *next ? type_of(*next++) : VACCEL_ARG_RAW;
		while (*next == '?' || *next == '+' || *next == '*')
			next++;
	}
}

/* ── an op ───────────────────────────────────────────────────────────────────────────────────── */

/* An op's arguments, as the codec wants them: each in one piece, in the guest's memory where it is in
 * one piece there. */
struct op {
	struct vaccel_arg inputs[ACCEL_ARGUMENTS_MAX], outputs[ACCEL_ARGUMENTS_MAX];
	uint32_t flags[ACCEL_ARGUMENTS_MAX]; /* of the outputs */
	struct accel_call call;
	uint8_t *pieces; /* memory of those that are not */
	size_t pieces_used, pieces_size;
};

static void release_op(struct op **op)
{
	if (*op)
		free((*op)->pieces);
	free(*op);
}

typedef unsigned find_ranges(const struct virtio_chain *chain, uint64_t offset, uint64_t length,
			     struct iovec *out);

/* Sets where the argument is, unless it is in several pieces. */
static void find_whole(const struct virtio_chain *chain, find_ranges *find,
		       const struct accel_range *range, struct vaccel_arg *arg)
{
	struct iovec ranges[VIRTIO_CHAIN_MAX];
	const unsigned count = find(chain, range->offset, range->length, ranges);
	*arg = (struct vaccel_arg){.size = range->length,
				   .type = (vaccel_arg_type_t)range->type,
				   .custom_type_id = range->custom_type};
	if (count == 1)
		arg->buf = ranges[0].iov_base;
}

static bool is_piece(const struct op *op, const struct vaccel_arg *arg)
{
	return op->pieces && range_within((uintptr_t)arg->buf - (uintptr_t)op->pieces, arg->size,
					  op->pieces_size);
}

/* Room for all that is not whole. */
static bool make_pieces(struct op *op)
{
	for (size_t i = 0; i < op->call.input_count; i++)
		op->pieces_size += op->inputs[i].buf ? 0 : op->inputs[i].size;
	for (size_t i = 0; i < op->call.output_count; i++)
		op->pieces_size += op->outputs[i].buf ? 0 : op->outputs[i].size;
	if (op->pieces_size)
		op->pieces = malloc(op->pieces_size);
	return op->pieces || !op->pieces_size;
}

static void take_piece(struct op *op, struct vaccel_arg *arg)
{
	arg->buf = op->pieces + op->pieces_used;
	op->pieces_used += arg->size;
}

/* Finds all arguments, and copies those together that are to be read and are not whole. */
static bool gather(struct op *op, const struct virtio_chain *chain,
		   const struct accel_request *request)
{
	for (unsigned i = 0; i < request->input_count; i++)
		find_whole(chain, virtio_chain_readable, &request->inputs[i], &op->inputs[i]);
	for (unsigned i = 0; i < request->output_count; i++)
		find_whole(chain, virtio_chain_writable, &request->outputs[i], &op->outputs[i]);
	if (!make_pieces(op))
		return false;
	for (unsigned i = 0; i < request->input_count; i++) {
		struct vaccel_arg *arg = &op->inputs[i];
		if (arg->buf || !arg->size)
			continue;
		take_piece(op, arg);
		virtio_chain_read(chain, request->inputs[i].offset, arg->buf, arg->size);
	}
	for (unsigned i = 0; i < request->output_count; i++) {
		struct vaccel_arg *arg = &op->outputs[i];
		if (arg->buf || !arg->size)
			continue;
		take_piece(op, arg);
		accel_read_writable(chain, request->outputs[i].offset, arg->buf, arg->size);
	}
	return true;
}

/* Writes results where the guest wants them, unless they are there already. */
static void scatter(const struct op *op, const struct virtio_chain *chain,
		    struct accel_request *request)
{
	for (unsigned i = 0; i < request->output_count; i++) {
		const struct vaccel_arg *arg = &op->outputs[i];
		if (arg->size && is_piece(op, arg))
			virtio_chain_write(chain, request->outputs[i].offset, arg->buf, arg->size);
		request->outputs[i].length = (uint32_t)arg->size;
	}
}

static void swap_outputs(struct op *op, struct accel_request *request)
{
	const struct accel_range range = request->outputs[0];
	const struct vaccel_arg arg = op->outputs[0];
	request->outputs[0] = request->outputs[1];
	request->outputs[1] = range;
	op->outputs[0] = op->outputs[1];
	op->outputs[1] = arg;
}

/* ── commands ────────────────────────────────────────────────────────────────────────────────── */

/* Of an op the host says EINVAL for arguments, too. */
static enum accel_status status_of(uint16_t op, int result)
{
	switch (result) {
	case VACCEL_OK:
		return ACCEL_OK;
	case VACCEL_ENOTSUP:
		return ACCEL_UNKNOWN;
	case VACCEL_EINVAL:
		return op == WIRE_OP_SESSION_RELEASE ? ACCEL_NO_SESSION : ACCEL_FAILED;
	default:
		return ACCEL_FAILED;
	}
}

/* Makes the message at the arena's beginning, has it served, and takes the results. *over: the
 * request ends by that. */
static enum accel_status call_host(struct slot *slot, const struct accel_call *call, bool *over)
{
	uint8_t *message = slot->window.memory + WINDOW_ARENA_OFFSET;
	uint64_t extent;
	int status = 0;
	int result = wire_encode(message, WINDOW_ARENA_SIZE, call, 0, &extent);
	if (!result)
		result = slot_accelerate(slot, 0, extent, over);
	if (!result)
		result = wire_read_answer(message, extent, call, 0, &status);
	if (result)
		return result == -EBADMSG ? ACCEL_UNSOUND : ACCEL_FAILED;
	return status_of(call->op, status);
}

static enum accel_status create_session(struct slot *slot, int64_t *session, bool *over)
{
	uint32_t flags = 0;
	const struct vaccel_arg input = {
	    .buf = &flags, .size = sizeof(flags), .type = VACCEL_ARG_UINT32};
	struct vaccel_arg output = {
	    .buf = session, .size = sizeof(*session), .type = VACCEL_ARG_INT64};
	const struct accel_call call = {.op = WIRE_OP_SESSION_INIT,
					.inputs = &input,
					.input_count = 1,
					.outputs = &output,
					.output_count = 1};
	const enum accel_status status = call_host(slot, &call, over);
	return !status && (*session <= 0 || *session > UINT32_MAX) ? ACCEL_FAILED : status;
}

static enum accel_status destroy_session(struct slot *slot, const struct accel_request *request,
					 bool *over)
{
	const struct accel_call call = {.op = WIRE_OP_SESSION_RELEASE, .session = request->session};
	return request->session ? call_host(slot, &call, over) : ACCEL_NO_SESSION;
}

/* The place of the op in the table of signatures; ARRAY_SIZE(signatures): it cannot be asked for by a
 * number, as it has a form of its own. */
static size_t find_op(uint16_t op)
{
	size_t i = 0;
	if (op >= VACCEL_OP_TF_MODEL_LOAD && op <= VACCEL_OP_TORCH_SGEMM)
		return ARRAY_SIZE(signatures);
	while (i < ARRAY_SIZE(signatures) && signatures[i].op != op)
		i++;
	return i;
}

static void prepare_call(struct op *op, const struct accel_request *request)
{
	for (unsigned i = 0; i < request->output_count; i++)
		op->flags[i] = wire_op_carries(request->op) ? WIRE_ARGUMENT_CARRIES : 0;
	op->call = (struct accel_call){.op = request->op,
				       .session = request->session,
				       .inputs = op->inputs,
				       .input_count = request->input_count,
				       .outputs = op->outputs,
				       .output_count = request->output_count,
				       .output_flags = op->flags};
}

static enum accel_status operate(struct slot *slot, const struct virtio_chain *chain,
				 struct accel_request *request, bool *over)
{
	const size_t place = find_op(request->op);
	if (place == ARRAY_SIZE(signatures))
		return ACCEL_UNKNOWN;
	if (!request->session)
		return ACCEL_NO_SESSION;
	cleanup(release_op) struct op *op = calloc(1, sizeof(*op));
	if (!op)
		return ACCEL_FAILED;
	prepare_call(op, request);
	if (!gather(op, chain, request))
		return ACCEL_FAILED;
	const bool swap = request->text_first && request->output_count == 2;
	if (swap)
		swap_outputs(op, request);
	if (!request->has_types) {
		give_types(signatures[place].inputs, op->inputs, request->input_count);
		give_types(signatures[place].outputs, op->outputs, request->output_count);
	}
	const enum accel_status status = call_host(slot, &op->call, over);
	if (!status)
		scatter(op, chain, request);
	if (swap)
		swap_outputs(op, request);
	return status;
}

static void serve(struct virtio *virtio, const struct virtio_chain *chain, bool *over)
{
	const struct accel_layout *layout = virtio->backing;
	struct accel_request request = {0};
	int64_t session = 0;
	enum accel_status status = layout->read(chain, &request);
	if (status) {
		layout->finish(chain, &request, status, 0);
		return;
	}
	switch (request.command) {
	case ACCEL_CREATE:
		status = create_session(virtio->slot, &session, over);
		break;
	case ACCEL_DESTROY:
		status = destroy_session(virtio->slot, &request, over);
		break;
	case ACCEL_OPERATE:
		status = operate(virtio->slot, chain, &request, over);
		break;
	case ACCEL_TIMERS: /* there are none but the driver's own */
		break;
	}
	layout->finish(chain, &request, status, session);
}

/* ── the device ──────────────────────────────────────────────────────────────────────────────── */

static size_t accel_configuration(const struct virtio *virtio, uint8_t out[VIRTIO_CONFIG_MAX])
{
	return ((const struct accel_layout *)virtio->backing)->configuration(out);
}

/* Many requests may be made at once. */
static bool is_wanted(const struct slot *slot)
{
	return clock_now_ns() < slot->deadline_ns && !machine_is_unwanted(slot->machine);
}

static int accel_notify(struct virtio *virtio, unsigned queue, enum device_next *next,
			struct error *error)
{
	const struct accel_layout *layout = virtio->backing;
	struct virtio_chain chain;
	bool over = false;
	(void)error;
	for (unsigned i = 0; i < VIRTIO_QUEUE_SIZE_MAX && !over && is_wanted(virtio->slot) &&
			     virtqueue_take(virtio, queue, &chain);
	     i++) {
		if (!chain.readable_length || chain.writable_length < layout->trailer_size) {
			virtio_break(virtio);
			return 0;
		}
		serve(virtio, &chain, &over);
		const uint64_t written = chain.writable_length;
		virtqueue_give(virtio, queue, chain.head,
			       written < UINT32_MAX ? (uint32_t)written : UINT32_MAX);
	}
	virtqueue_signal(virtio, queue);
	if (over)
		*next = DEVICE_FINISHED;
	return 0;
}

const struct virtio_kind virtio_accel = {
    .name = "accel",
    .id = VIRTIO_ID_ACCEL,
    .pci_device = 0x1015,
    .pci_class = 0xff0000,
    .queue_count = 1,
    .configuration = accel_configuration,
    .notify = accel_notify,
};
