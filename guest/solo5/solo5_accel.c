/* A client of Mayfly's accelerator host for unikernels of Solo5: see mayfly/solo5_accel.h. Made to be
 * compiled into an image, with Solo5's own solo5.h beside it.
 *
 * A message is written to the device block by block, as it is made, and its answer is read in the same
 * way: no copy of it is kept here. What fills a whole block goes from and to the caller's memory.
 *
 * An image need not have memset() and its like: nothing large is assigned or initialised as a whole.
 */
#include "mayfly/solo5_accel.h"

#include <solo5.h>
#include <stdbool.h>

#include "mayfly/wire.h"

#define BLOCK ((uint64_t)ACCEL_DEVICE_BLOCK_SIZE)

/* Types of arguments, as vaccel/arg.h numbers them. */
enum {
	TYPE_INT16_ARRAY = 4,
	TYPE_INT32_ARRAY = 6,
	TYPE_INT64 = 7,
	TYPE_INT64_ARRAY = 8,
	TYPE_INT8_ARRAY = 2,
	TYPE_UINT8_ARRAY = 10,
	TYPE_UINT16_ARRAY = 12,
	TYPE_UINT32 = 13,
	TYPE_FLOAT32_ARRAY = 18,
	TYPE_UCHAR_ARRAY = 26,
	TYPE_STRING = 27,
	TYPE_BUFFER = 28,
};

/* Ops of vAccel (vaccel/op.h), beside those of enum wire_op; and what a resource is. */
enum { OP_IMAGE_CLASSIFY = 3, OP_TORCH_MODEL_RUN = 15 };
enum { RESOURCE_MODEL = 2 };

static void copy(void *to, const void *from, size_t size)
{
	uint8_t *out = to;
	const uint8_t *in = from;
	for (size_t i = 0; i < size; i++)
		out[i] = in[i];
}

static void clear(void *memory, size_t size)
{
	uint8_t *out = memory;
	for (size_t i = 0; i < size; i++)
		out[i] = 0;
}

static size_t text_length(const char *text)
{
	size_t length = 0;
	while (text[length])
		length++;
	return length;
}

/* The next place for an argument's data. */
static uint64_t align(uint64_t offset)
{
	return (offset + WIRE_ALIGNMENT - 1) & ~(uint64_t)(WIRE_ALIGNMENT - 1);
}

/* ── writing a message ───────────────────────────────────────────────────────────────────────── */

/* What is written goes through accel->block as far as it fills no block of its own. */
struct writer {
	struct solo5_accel *accel;
	uint64_t at; /* the next byte, from the message's beginning */
	int result;
};

static void write_block(struct writer *writer, uint64_t offset, const uint8_t *data)
{
	const struct solo5_accel *accel = writer->accel;
	if (!writer->result && solo5_block_write(accel->device, accel->message_offset + offset,
						 data, BLOCK) != SOLO5_R_OK)
		writer->result = SOLO5_ACCEL_EIO;
}

static void put(struct writer *writer, const void *data, uint64_t size)
{
	const uint8_t *next = data;
	while (size) {
		const uint64_t filled = writer->at % BLOCK, room = BLOCK - filled;
		const uint64_t part = size < room ? size : room;
		if (part == BLOCK)
			write_block(writer, writer->at, next);
		else
			copy(writer->accel->block + filled, next, part);
		writer->at += part;
		if (part != BLOCK && writer->at % BLOCK == 0)
			write_block(writer, writer->at - BLOCK, writer->accel->block);
		next += part;
		size -= part;
	}
}

/* Goes on at `offset`, which is not before; what lies between may have anything in it. */
static void skip_to(struct writer *writer, uint64_t offset)
{
	const uint64_t begin = writer->at - writer->at % BLOCK;
	if (writer->at % BLOCK && offset - begin >= BLOCK)
		write_block(writer, begin, writer->accel->block);
	writer->at = offset;
}

static void end(struct writer *writer)
{
	if (writer->at % BLOCK)
		write_block(writer, writer->at - writer->at % BLOCK, writer->accel->block);
}

/* ── reading an answer ───────────────────────────────────────────────────────────────────────── */

static int read_block(const struct solo5_accel *accel, uint64_t offset, uint8_t *data)
{
	return solo5_block_read(accel->device, offset, data, BLOCK) == SOLO5_R_OK ? 0
										  : SOLO5_ACCEL_EIO;
}

/* [offset, offset + size) of the message, which is checked to be there. */
static int get(struct solo5_accel *accel, uint64_t offset, void *data, uint64_t size)
{
	uint8_t *next = data;
	while (size) {
		const uint64_t at = accel->message_offset + offset, within = offset % BLOCK;
		const uint64_t part = size < BLOCK - within ? size : BLOCK - within;
		int result = 0;
		if (part == BLOCK) {
			result = read_block(accel, at, next);
		} else {
			if (accel->cached != at - within)
				result = read_block(accel, at - within, accel->block);
			accel->cached = at - within;
			copy(next, accel->block + within, part);
		}
		if (result) {
			accel->cached = 0;
			return result;
		}
		offset += part;
		next += part;
		size -= part;
	}
	return 0;
}

/* ── calls ───────────────────────────────────────────────────────────────────────────────────── */

struct message {
	const struct solo5_accel_argument *inputs;
	struct solo5_accel_argument *outputs;
	size_t input_count, output_count;
	struct wire_header header;
	struct wire_argument descriptors[SOLO5_ACCEL_ARGUMENTS_MAX];
};

/* Gives the next argument its place; false where the message is too long. */
static bool place(uint64_t *cursor, uint64_t size, uint64_t limit, uint64_t *offset)
{
	*offset = align(*cursor);
	if (*offset > limit || size > limit - *offset)
		return false;
	*cursor = *offset + size;
	return true;
}

static int lay_out(struct message *message, uint64_t limit)
{
	const size_t count = message->input_count + message->output_count;
	uint64_t cursor = sizeof(message->header) + count * sizeof(message->descriptors[0]);
	message->header.data_offset = align(cursor);
	for (size_t i = 0; i < count; i++) {
		const bool is_input = i < message->input_count;
		const struct solo5_accel_argument *argument =
		    is_input ? &message->inputs[i] : &message->outputs[i - message->input_count];
		struct wire_argument *descriptor = &message->descriptors[i];
		*descriptor = (struct wire_argument){
		    .type = argument->type,
		    .flags = is_input ? 0 : argument->flags,
		};
		if (!is_input && argument->flags & SOLO5_ACCEL_GROWS)
			continue;
		if (!place(&cursor, argument->size, limit, &descriptor->offset))
			return SOLO5_ACCEL_ENOSPC;
		*(is_input ? &descriptor->length : &descriptor->capacity) = argument->size;
	}
	message->header.data_end =
	    cursor > message->header.data_offset ? cursor : message->header.data_offset;
	return 0;
}

static int send_message(struct solo5_accel *accel, const struct message *message)
{
	const size_t count = message->input_count + message->output_count;
	struct writer writer = {.accel = accel};
	accel->cached = 0;
	put(&writer, &message->header, sizeof(message->header));
	put(&writer, message->descriptors, count * sizeof(message->descriptors[0]));
	for (size_t i = 0; i < count; i++) {
		const bool is_input = i < message->input_count;
		const struct solo5_accel_argument *argument =
		    is_input ? &message->inputs[i] : &message->outputs[i - message->input_count];
		if (!argument->size || !(is_input || argument->flags & SOLO5_ACCEL_CARRIES))
			continue;
		skip_to(&writer, message->descriptors[i].offset);
		put(&writer, argument->data, argument->size);
	}
	end(&writer);
	return writer.result;
}

/* Why a message was not served: block 0 tells. */
static int read_failure(struct solo5_accel *accel)
{
	struct accel_device_head head;
	if (read_block(accel, 0, accel->block))
		return SOLO5_ACCEL_EIO;
	copy(&head, accel->block, sizeof(head));
	if (head.result == SOLO5_ACCEL_ENODEV)
		return SOLO5_ACCEL_ENODEV;
	return head.result == -74 /* EBADMSG */ ? SOLO5_ACCEL_EINVAL : SOLO5_ACCEL_EIO;
}

static void read_reason(struct solo5_accel *accel, const struct wire_header *header)
{
	uint64_t length = 0;
	if (header->data_offset <= header->data_end && header->data_end <= accel->message_size)
		length = header->data_end - header->data_offset;
	if (length > sizeof(accel->reason) - 1)
		length = sizeof(accel->reason) - 1;
	if (get(accel, header->data_offset, accel->reason, length))
		length = 0;
	accel->reason[length] = 0;
}

static int read_output(struct solo5_accel *accel, size_t number,
		       struct solo5_accel_argument *output)
{
	struct wire_argument answer;
	const size_t room = output->size;
	int result = get(accel, sizeof(struct wire_header) + number * sizeof(answer), &answer,
			 sizeof(answer));
	if (result)
		return result;
	if (answer.offset > accel->message_size ||
	    answer.length > accel->message_size - answer.offset)
		return SOLO5_ACCEL_EPROTO;
	output->size = answer.length;
	if (answer.length > room)
		return SOLO5_ACCEL_ENOSPC;
	return get(accel, answer.offset, output->data, answer.length);
}

/* To read its first block has the message served. All outputs have their sizes, also where one does not
 * fit. */
static int read_answer(struct solo5_accel *accel, const struct message *message)
{
	struct wire_header header;
	int result = get(accel, 0, &header, sizeof(header)), worst = 0;
	if (result)
		return read_failure(accel);
	if (header.magic != WIRE_MAGIC || header.request != message->header.request ||
	    header.inputs != message->input_count || header.outputs != message->output_count)
		return SOLO5_ACCEL_EPROTO;
	if (header.status) {
		read_reason(accel, &header);
		return header.status > 0 && header.status < 4096 ? -header.status
								 : SOLO5_ACCEL_EPROTO;
	}
	for (size_t i = 0; i < message->output_count; i++) {
		result = read_output(accel, message->input_count + i, &message->outputs[i]);
		worst = result ? result : worst;
	}
	return worst;
}

int solo5_accel_call(struct solo5_accel *accel, int64_t session, uint16_t op,
		     const struct solo5_accel_argument *inputs, size_t input_count,
		     struct solo5_accel_argument *outputs, size_t output_count)
{
	struct message message;
	accel->reason[0] = 0;
	if (input_count > SOLO5_ACCEL_ARGUMENTS_MAX ||
	    output_count > SOLO5_ACCEL_ARGUMENTS_MAX - input_count)
		return SOLO5_ACCEL_EINVAL;
	message.inputs = inputs;
	message.outputs = outputs;
	message.input_count = input_count;
	message.output_count = output_count;
	message.header = (struct wire_header){
	    .magic = WIRE_MAGIC,
	    .version = WIRE_VERSION,
	    .op = op,
	    .session = session,
	    .request = ++accel->request,
	    .inputs = (uint16_t)input_count,
	    .outputs = (uint16_t)output_count,
	};
	int result = lay_out(&message, accel->message_size);
	if (!result)
		result = send_message(accel, &message);
	return result ? result : read_answer(accel, &message);
}

/* ── device, sessions, models ────────────────────────────────────────────────────────────────── */

int solo5_accel_open(struct solo5_accel *accel, const char *device)
{
	struct solo5_block_info info;
	struct accel_device_head head;
	solo5_handle_t handle;
	accel->request = accel->cached = 0;
	accel->reason[0] = 0;
	if (solo5_block_acquire(device, &handle, &info) != SOLO5_R_OK || info.block_size != BLOCK ||
	    info.capacity < BLOCK)
		return SOLO5_ACCEL_ENODEV;
	accel->device = handle;
	if (read_block(accel, 0, accel->block))
		return SOLO5_ACCEL_EIO;
	copy(&head, accel->block, sizeof(head));
	if (head.magic != ACCEL_DEVICE_MAGIC || head.version != ACCEL_DEVICE_VERSION ||
	    head.message_offset < BLOCK || head.message_offset % BLOCK ||
	    head.message_size % BLOCK || head.message_offset > info.capacity ||
	    head.message_size > info.capacity - head.message_offset)
		return SOLO5_ACCEL_ENODEV;
	accel->message_offset = head.message_offset;
	accel->message_size = head.message_size;
	return 0;
}

const char *solo5_accel_reason(const struct solo5_accel *accel)
{
	return accel->reason;
}

static struct solo5_accel_argument argument(uint32_t type, const void *data, size_t size)
{
	return (struct solo5_accel_argument){
	    .type = type, .data = (void *)(uintptr_t)data, .size = size};
}

int solo5_accel_session_open(struct solo5_accel *accel, uint32_t flags, int64_t *session)
{
	const struct solo5_accel_argument in = argument(TYPE_UINT32, &flags, sizeof(flags));
	struct solo5_accel_argument out = argument(TYPE_INT64, session, sizeof(*session));
	return solo5_accel_call(accel, 0, WIRE_OP_SESSION_INIT, &in, 1, &out, 1);
}

int solo5_accel_session_close(struct solo5_accel *accel, int64_t session)
{
	return solo5_accel_call(accel, session, WIRE_OP_SESSION_RELEASE, NULL, 0, NULL, 0);
}

static int open_model(struct solo5_accel *accel, int64_t session, const char *name,
		      const void *bytes, size_t size, int64_t *model)
{
	static const char file[] = "model.onnx";
	const uint32_t type = RESOURCE_MODEL;
	const struct solo5_accel_argument in[] = {
	    argument(TYPE_UINT32, &type, sizeof(type)),
	    argument(TYPE_STRING, name, text_length(name) + 1),
	    argument(TYPE_STRING, file, sizeof(file)),
	    argument(TYPE_BUFFER, bytes, size),
	};
	struct solo5_accel_argument out = argument(TYPE_INT64, model, sizeof(*model));
	return solo5_accel_call(accel, session, WIRE_OP_RESOURCE_REGISTER, in, *name ? 2 : 4, &out,
				1);
}

int solo5_accel_model_open(struct solo5_accel *accel, int64_t session, const char *name,
			   int64_t *model)
{
	return *name ? open_model(accel, session, name, NULL, 0, model) : SOLO5_ACCEL_ENOENT;
}

int solo5_accel_model_send(struct solo5_accel *accel, int64_t session, const void *bytes,
			   size_t size, int64_t *model)
{
	return open_model(accel, session, "", bytes, size, model);
}

int solo5_accel_model_close(struct solo5_accel *accel, int64_t session, int64_t model)
{
	const struct solo5_accel_argument in = argument(TYPE_INT64, &model, sizeof(model));
	return solo5_accel_call(accel, session, WIRE_OP_RESOURCE_UNREGISTER, &in, 1, NULL, 0);
}

/* ── ops ─────────────────────────────────────────────────────────────────────────────────────── */

int solo5_accel_classify(struct solo5_accel *accel, int64_t session, const void *picture,
			 size_t size, char *text, size_t room)
{
	const struct solo5_accel_argument in = argument(TYPE_BUFFER, picture, size);
	struct solo5_accel_argument out[] = {
	    argument(TYPE_UCHAR_ARRAY, NULL, 0), /* the picture's name, which nobody wants */
	    argument(TYPE_UCHAR_ARRAY, text, room),
	};
	if (!room)
		return SOLO5_ACCEL_EINVAL;
	int result = solo5_accel_call(accel, session, OP_IMAGE_CLASSIFY, &in, 1, out, 2);
	const size_t length = result ? 0 : out[1].size;
	text[length < room ? length : room - 1] = 0;
	return result;
}

/* The type of arguments that tensors' data travel as. */
static uint32_t type_of_data(enum solo5_accel_data_type type)
{
	static const uint32_t types[] = {
	    [SOLO5_ACCEL_UINT8] = TYPE_UINT8_ARRAY,	[SOLO5_ACCEL_INT8] = TYPE_INT8_ARRAY,
	    [SOLO5_ACCEL_INT16] = TYPE_INT16_ARRAY,	[SOLO5_ACCEL_INT32] = TYPE_INT32_ARRAY,
	    [SOLO5_ACCEL_INT64] = TYPE_INT64_ARRAY,	[SOLO5_ACCEL_FLOAT16] = TYPE_UINT16_ARRAY,
	    [SOLO5_ACCEL_FLOAT32] = TYPE_FLOAT32_ARRAY,
	};
	return (unsigned)type < sizeof(types) / sizeof(types[0]) ? types[type] : 0;
}

/* Data type and dimensions, as they travel. */
struct shape {
	int64_t words[1 + SOLO5_ACCEL_RANK_MAX];
};

static int read_shape(struct solo5_accel_tensor *tensor, const struct shape *shape, size_t size)
{
	const size_t words = size / sizeof(shape->words[0]);
	if (!words || words > 1 + SOLO5_ACCEL_RANK_MAX)
		return SOLO5_ACCEL_EPROTO;
	tensor->type = (enum solo5_accel_data_type)shape->words[0];
	tensor->rank = words - 1;
	copy(tensor->shape, shape->words + 1, tensor->rank * sizeof(shape->words[0]));
	return 0;
}

int solo5_accel_model_run(struct solo5_accel *accel, int64_t session, int64_t model,
			  const struct solo5_accel_tensor *inputs, size_t input_count,
			  struct solo5_accel_tensor *outputs, size_t output_count)
{
	struct shape in_shapes[SOLO5_ACCEL_TENSORS_MAX], out_shapes[SOLO5_ACCEL_TENSORS_MAX];
	struct solo5_accel_argument in[2 + 2 * SOLO5_ACCEL_TENSORS_MAX];
	struct solo5_accel_argument out[2 * SOLO5_ACCEL_TENSORS_MAX];
	if (input_count > SOLO5_ACCEL_TENSORS_MAX || output_count > SOLO5_ACCEL_TENSORS_MAX)
		return SOLO5_ACCEL_EINVAL;
	in[0] = argument(TYPE_INT64, &model, sizeof(model));
	in[1] = argument(TYPE_BUFFER, NULL, 0);
	for (size_t i = 0; i < input_count; i++) {
		const struct solo5_accel_tensor *tensor = &inputs[i];
		if (tensor->rank > SOLO5_ACCEL_RANK_MAX || !type_of_data(tensor->type))
			return SOLO5_ACCEL_EINVAL;
		in_shapes[i].words[0] = tensor->type;
		copy(in_shapes[i].words + 1, tensor->shape, tensor->rank * sizeof(int64_t));
		in[2 + 2 * i] =
		    argument(TYPE_INT64_ARRAY, &in_shapes[i], (1 + tensor->rank) * sizeof(int64_t));
		in[3 + 2 * i] = argument(type_of_data(tensor->type), tensor->data, tensor->size);
	}
	for (size_t i = 0; i < output_count; i++) {
		clear(&out_shapes[i], sizeof(out_shapes[i]));
		out[2 * i] = argument(TYPE_INT64_ARRAY, &out_shapes[i], sizeof(out_shapes[i]));
		out[2 * i + 1] = argument(TYPE_UINT8_ARRAY, outputs[i].data, outputs[i].size);
		out[2 * i].flags = out[2 * i + 1].flags = SOLO5_ACCEL_GROWS;
	}
	int result = solo5_accel_call(accel, session, OP_TORCH_MODEL_RUN, in, 2 + 2 * input_count,
				      out, 2 * output_count);
	for (size_t i = 0; (!result || result == SOLO5_ACCEL_ENOSPC) && i < output_count; i++) {
		outputs[i].size = out[2 * i + 1].size;
		const int shaped = read_shape(&outputs[i], &out_shapes[i], out[2 * i].size);
		result = result ? result : shaped;
	}
	return result;
}
