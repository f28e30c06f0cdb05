/* The caller's side of the codec: makes messages and reads their answers; see wire.h.
 *
 * Part of every guest program: no allocation but for results that grow, no formatted text.
 */
#include "accel/wire/wire.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "sizes/sizes.h"

/* Gives `length` bytes at the next aligned place; -ENOSPC where they do not fit. */
static int reserve(uint64_t *cursor, uint64_t capacity, uint64_t length, uint64_t *offset)
{
	if (round_up_overflows(*cursor, WIRE_ALIGNMENT, offset) ||
	    !range_within(*offset, length, capacity))
		return -ENOSPC;
	*cursor = *offset + length;
	return 0;
}

static bool output_grows(const struct accel_call *call, size_t output)
{
	return call->output_flags && (call->output_flags[output] & WIRE_ARGUMENT_GROWS);
}

/* True where the other side sees the argument where it is: sets its offset in the window. */
static bool lies_in_window(const struct accel_call *call, const struct vaccel_arg *arg,
			   uint64_t *offset)
{
	*offset = (uintptr_t)arg->buf - (uintptr_t)call->window;
	size_t element = arg->type == VACCEL_ARG_FLOAT32_ARRAY ? sizeof(float) : sizeof(double);
	return call->window && wire_is_used_in_place(arg->type, arg->size) &&
	       (uintptr_t)arg->buf >= (uintptr_t)call->window &&
	       range_within(*offset, arg->size, call->window_size) && *offset % element == 0;
}

static int encode_inputs(uint8_t *message, uint64_t capacity, const struct accel_call *call,
			 uint64_t *cursor)
{
	struct wire_argument *descriptors = (void *)(message + sizeof(struct wire_header));
	for (size_t i = 0; i < call->input_count; i++) {
		const struct vaccel_arg *input = &call->inputs[i];
		descriptors[i] = (struct wire_argument){
		    .type = input->type,
		    .custom_type = input->custom_type_id,
		    .length = input->size,
		};
		uint64_t offset;
		if (lies_in_window(call, input, &offset)) {
			descriptors[i].flags = WIRE_ARGUMENT_IN_WINDOW;
			descriptors[i].offset = offset;
			continue;
		}
		int result = reserve(cursor, capacity, input->size, &descriptors[i].offset);
		if (result)
			return result;
		if (input->size)
			memcpy(message + descriptors[i].offset, input->buf, input->size);
	}
	return 0;
}

static int encode_outputs(uint8_t *message, uint64_t capacity, const struct accel_call *call,
			  uint64_t *cursor, bool *grows)
{
	struct wire_argument *descriptors = (void *)(message + sizeof(struct wire_header));
	descriptors += call->input_count;
	*grows = false;
	for (size_t i = 0; i < call->output_count; i++) {
		const struct vaccel_arg *output = &call->outputs[i];
		struct wire_argument *descriptor = &descriptors[i];
		*descriptor = (struct wire_argument){
		    .type = output->type,
		    .custom_type = output->custom_type_id,
		};
		if (output_grows(call, i)) {
			descriptor->flags = WIRE_ARGUMENT_GROWS;
			*grows = true;
			continue;
		}
		descriptor->capacity = output->size;
		if (call->output_flags)
			descriptor->flags = call->output_flags[i] & WIRE_ARGUMENT_CARRIES;
		if (lies_in_window(call, output, &descriptor->offset)) {
			descriptor->flags |= WIRE_ARGUMENT_IN_WINDOW;
			continue;
		}
		int result = reserve(cursor, capacity, output->size, &descriptor->offset);
		if (result)
			return result;
		if ((descriptor->flags & WIRE_ARGUMENT_CARRIES) && output->size)
			memcpy(message + descriptor->offset, output->buf, output->size);
	}
	return 0;
}

int wire_encode(void *buffer, uint64_t capacity, const struct accel_call *call, uint64_t request,
		uint64_t *extent)
{
	uint8_t *message = buffer;
	if (call->input_count > WIRE_ARGUMENTS_MAX || call->output_count > WIRE_ARGUMENTS_MAX ||
	    call->input_count + call->output_count > WIRE_ARGUMENTS_MAX)
		return -E2BIG;
	uint64_t cursor = sizeof(struct wire_header) +
			  (call->input_count + call->output_count) * sizeof(struct wire_argument);
	uint64_t data_offset;
	int result = reserve(&cursor, capacity, 0, &data_offset);
	if (result)
		return result;
	bool grows;
	result = encode_inputs(message, capacity, call, &cursor);
	if (result)
		return result;
	result = encode_outputs(message, capacity, call, &cursor, &grows);
	if (result)
		return result;
	*(struct wire_header *)message = (struct wire_header){
	    .magic = WIRE_MAGIC,
	    .version = WIRE_VERSION,
	    .op = call->op,
	    .request = request,
	    .session = call->session,
	    .inputs = (uint16_t)call->input_count,
	    .outputs = (uint16_t)call->output_count,
	    .deadline_ns = call->deadline_ns,
	    .data_offset = data_offset,
	    .data_end = cursor,
	};
	uint64_t room_for_reason;
	if (add_overflows(data_offset, WIRE_REASON_MAX, &room_for_reason) ||
	    room_for_reason > capacity)
		room_for_reason = capacity;
	*extent = grows ? capacity : cursor > room_for_reason ? cursor : room_for_reason;
	return 0;
}

static int read_grown(const uint8_t *message, uint64_t extent, const struct wire_argument *result,
		      struct vaccel_arg *output)
{
	if (!range_within(result->offset, result->length, extent))
		return -EBADMSG;
	output->buf = NULL;
	output->size = 0;
	output->owned = false;
	if (!result->length)
		return 0;
	output->buf = malloc(result->length);
	if (!output->buf)
		return -ENOMEM;
	memcpy(output->buf, message + result->offset, result->length);
	output->size = result->length;
	output->owned = true;
	return 0;
}

static int read_output(const uint8_t *message, uint64_t extent, const struct accel_call *call,
		       size_t index)
{
	const struct wire_argument *descriptors =
	    (const void *)(message + sizeof(struct wire_header));
	struct wire_argument result = descriptors[call->input_count + index];
	struct vaccel_arg *output = &call->outputs[index];
	uint64_t offset;
	if (output_grows(call, index))
		return read_grown(message, extent, &result, output);
	if (lies_in_window(call, output, &offset)) {
		if (result.length > output->size)
			return -EBADMSG;
		output->size = result.length;
		return 0;
	}
	if (result.length > output->size || !range_within(result.offset, result.length, extent))
		return -EBADMSG;
	if (result.length)
		memcpy(output->buf, message + result.offset, result.length);
	output->size = result.length;
	return 0;
}

int wire_read_answer(const void *buffer, uint64_t extent, const struct accel_call *call,
		     uint64_t request, int *status)
{
	struct wire_header header = *(const struct wire_header *)buffer;
	if (header.magic != WIRE_MAGIC || header.request != request || header.op != call->op ||
	    header.inputs != call->input_count || header.outputs != call->output_count)
		return -EBADMSG;
	*status = header.status;
	if (header.status)
		return 0;
	int result = 0;
	size_t done = 0;
	while (!result && done < call->output_count)
		result = read_output(buffer, extent, call, done++);
	/* After a failure the caller gets no output at all, so none that it would have to free. */
	for (size_t i = 0; result && i < done; i++) {
		if (!output_grows(call, i) || !call->outputs[i].owned)
			continue;
		free(call->outputs[i].buf);
		call->outputs[i].buf = NULL;
		call->outputs[i].size = 0;
		call->outputs[i].owned = false;
	}
	return result;
}

void wire_read_reason(const void *buffer, uint64_t extent, char *reason, size_t size)
{
	struct wire_header header = *(const struct wire_header *)buffer;
	size_t length = 0;
	if (header.data_offset <= header.data_end && header.data_end <= extent)
		length = header.data_end - header.data_offset;
	if (length > size - 1)
		length = size - 1;
	if (length)
		memcpy(reason, (const uint8_t *)buffer + header.data_offset, length);
	reason[length] = 0;
}
