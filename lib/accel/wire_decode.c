/* The host's side of the codec: checks a message from someone who may be hostile, and answers it;
 * see wire.h.
 *
 * The sender can write to the shared message at any moment. Header and descriptors are therefore
 * read once, into private memory, and only the copies are looked at.
 */
#include "accel/wire.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "util/checked.h"
#include "vaccel/error.h"

/* Private memory beyond this is given back after the message that needed it: a peer that is idle
 * holds no more. */
#define KEPT_COPIES_MAX (256UL << 10)

/* Bytes of one element; 1 where a type has no inner structure. */
static const uint8_t element_sizes[VACCEL_ARG_MAX] = {
    [VACCEL_ARG_RAW] = 1,	    [VACCEL_ARG_INT8] = 1,	   [VACCEL_ARG_INT8_ARRAY] = 1,
    [VACCEL_ARG_INT16] = 2,	    [VACCEL_ARG_INT16_ARRAY] = 2,  [VACCEL_ARG_INT32] = 4,
    [VACCEL_ARG_INT32_ARRAY] = 4,   [VACCEL_ARG_INT64] = 8,	   [VACCEL_ARG_INT64_ARRAY] = 8,
    [VACCEL_ARG_UINT8] = 1,	    [VACCEL_ARG_UINT8_ARRAY] = 1,  [VACCEL_ARG_UINT16] = 2,
    [VACCEL_ARG_UINT16_ARRAY] = 2,  [VACCEL_ARG_UINT32] = 4,	   [VACCEL_ARG_UINT32_ARRAY] = 4,
    [VACCEL_ARG_UINT64] = 8,	    [VACCEL_ARG_UINT64_ARRAY] = 8, [VACCEL_ARG_FLOAT32] = 4,
    [VACCEL_ARG_FLOAT32_ARRAY] = 4, [VACCEL_ARG_FLOAT64] = 8,	   [VACCEL_ARG_FLOAT64_ARRAY] = 8,
    [VACCEL_ARG_BOOL] = 1,	    [VACCEL_ARG_BOOL_ARRAY] = 1,   [VACCEL_ARG_CHAR] = 1,
    [VACCEL_ARG_CHAR_ARRAY] = 1,    [VACCEL_ARG_UCHAR] = 1,	   [VACCEL_ARG_UCHAR_ARRAY] = 1,
    [VACCEL_ARG_STRING] = 1,	    [VACCEL_ARG_BUFFER] = 1,	   [VACCEL_ARG_CUSTOM] = 1,
};

/* The numeric types come in pairs, scalar first; see vaccel_arg_type_t. */
static bool type_is_scalar(uint32_t type)
{
	return type >= VACCEL_ARG_INT8 && type < VACCEL_ARG_STRING &&
	       (type - VACCEL_ARG_INT8) % 2 == 0;
}

static bool used_in_place(const struct wire_argument *argument, uint64_t size)
{
	return (argument->type == VACCEL_ARG_FLOAT32_ARRAY ||
		argument->type == VACCEL_ARG_FLOAT64_ARRAY) &&
	       size > WIRE_IN_PLACE_MIN;
}

void wire_message_init(struct wire_message *message, struct budget *budget)
{
	memset(message, 0, sizeof(*message));
	message->budget = budget;
}

void wire_message_release(struct wire_message *message)
{
	free(message->copies);
	free(message->tensors);
	message->copies = message->tensors = NULL;
	message->copies_capacity = 0;
	if (message->budget)
		budget_give(message->budget, message->budget_taken);
	message->budget_taken = 0;
}

/* After a message: only what may be kept stays. */
static void drop_copies(struct wire_message *message)
{
	if (message->copies_capacity > KEPT_COPIES_MAX || message->tensors)
		wire_message_release(message);
}

static uint8_t *allocate_copies(struct wire_message *message, size_t size, struct error *error)
{
	bool counts = message->budget && size > KEPT_COPIES_MAX;
	if (counts && !budget_take(message->budget, size)) {
		error_set(error, ENOMEM, "%zu bytes of arguments are beyond the memory budget",
			  size);
		return NULL;
	}
	uint8_t *memory = aligned_alloc(WIRE_ALIGNMENT, size ? size : WIRE_ALIGNMENT);
	if (memory && counts)
		message->budget_taken += size;
	else if (counts)
		budget_give(message->budget, size);
	if (!memory)
		error_set(error, ENOMEM, "no memory for %zu bytes of arguments", size);
	return memory;
}

static int copy_header(struct wire_message *message, struct error *error)
{
	struct wire_header *header = &message->header;
	if ((uintptr_t)message->base % WIRE_ALIGNMENT || message->extent > WIRE_WINDOW_MAX)
		return error_set(error, EBADMSG, "message is badly aligned or too large");
	if (message->extent < sizeof(*header))
		return error_set(error, EBADMSG, "message of %llu bytes has no room for its header",
				 (unsigned long long)message->extent);
	memcpy(header, message->base, sizeof(*header));
	if (header->magic != WIRE_MAGIC)
		return error_set(error, EBADMSG, "message begins with %#x instead of the magic %#x",
				 header->magic, WIRE_MAGIC);
	if (header->version != WIRE_VERSION)
		return error_set(error, EBADMSG, "message has version %u, this host speaks %u",
				 header->version, WIRE_VERSION);
	/* 16-bit counts: the sum is an int and cannot overflow. */
	size_t count = (size_t)header->inputs + header->outputs;
	if (count > WIRE_ARGUMENTS_MAX)
		return error_set(error, EBADMSG,
				 "message has %zu arguments, at most %d are allowed", count,
				 WIRE_ARGUMENTS_MAX);
	size_t head = sizeof(*header) + count * sizeof(struct wire_argument);
	if (header->data_offset < head || header->data_offset > header->data_end ||
	    header->data_end > message->extent)
		return error_set(
		    error, EBADMSG, "message's data [%llu, %llu) is not within [%zu, %llu)",
		    (unsigned long long)header->data_offset, (unsigned long long)header->data_end,
		    head, (unsigned long long)message->extent);
	memcpy(message->descriptors, message->base + sizeof(*header),
	       count * sizeof(struct wire_argument));
	return 0;
}

/* Checks one descriptor; its data must begin at or after *cursor, which then moves behind it. */
static int check_argument(const struct wire_header *header, const struct wire_argument *argument,
			  size_t index, uint64_t *cursor, struct error *error)
{
	bool is_output = index >= header->inputs;
	if (argument->type >= VACCEL_ARG_MAX || argument->reserved || argument->reserved2)
		return error_set(error, EBADMSG, "argument %zu has type %u or reserved bits", index,
				 argument->type);
	if (argument->flags & ~(is_output ? WIRE_ARGUMENT_GROWS : 0u))
		return error_set(error, EBADMSG, "argument %zu has flags %#x", index,
				 argument->flags);
	if (argument->flags & WIRE_ARGUMENT_GROWS) {
		if (argument->offset || argument->length || argument->capacity)
			return error_set(error, EBADMSG, "argument %zu grows and has a place",
					 index);
		return 0;
	}
	uint64_t size = is_output ? argument->capacity : argument->length;
	if (argument->offset % WIRE_ALIGNMENT || argument->offset < *cursor ||
	    !range_within(argument->offset, size, header->data_end))
		return error_set(
		    error, EBADMSG,
		    "argument %zu at %llu of %llu bytes is not in its place in [%llu, %llu)", index,
		    (unsigned long long)argument->offset, (unsigned long long)size,
		    (unsigned long long)*cursor, (unsigned long long)header->data_end);
	uint64_t element = element_sizes[argument->type];
	if (size % element || (type_is_scalar(argument->type) && size != element))
		return error_set(error, EBADMSG, "argument %zu of type %u has %llu bytes", index,
				 argument->type, (unsigned long long)size);
	*cursor = argument->offset + size;
	return 0;
}

/* The place of an argument's copy: each begins aligned and is followed by at least one zero byte,
 * so that text handed to careless code still ends. */
static bool place_copy(size_t *used, uint64_t size, size_t *offset)
{
	uint64_t end;
	*offset = *used;
	if (add_overflows(*used, size, &end) || add_overflows(end, 1, &end) ||
	    align_up_overflows(end, WIRE_ALIGNMENT, &end))
		return false;
	*used = end;
	return true;
}

static int reserve_copies(struct wire_message *message, size_t count, struct error *error)
{
	size_t needed = 0, offset;
	for (size_t i = 0; i < count; i++) {
		const struct wire_argument *argument = &message->descriptors[i];
		bool is_output = i >= message->header.inputs;
		uint64_t size = is_output ? argument->capacity : argument->length;
		if ((argument->flags & WIRE_ARGUMENT_GROWS) || used_in_place(argument, size))
			continue;
		if (!place_copy(&needed, size, &offset))
			return error_set(error, EBADMSG, "argument %zu is too large", i);
	}
	if (needed > message->copies_capacity) {
		wire_message_release(message);
		message->copies = allocate_copies(message, needed, error);
		if (!message->copies)
			return -ENOMEM;
		message->copies_capacity = needed;
	}
	message->copies_used = 0;
	return 0;
}

/* What C's types promise of the values, made true in the private copy of an input. */
static int settle_input(const struct wire_argument *argument, uint8_t *copy, size_t index,
			struct error *error)
{
	if (argument->type == VACCEL_ARG_STRING &&
	    (!argument->length || copy[argument->length - 1]))
		return error_set(error, EBADMSG, "argument %zu is a string without an end", index);
	if (argument->type == VACCEL_ARG_BOOL || argument->type == VACCEL_ARG_BOOL_ARRAY)
		for (uint64_t i = 0; i < argument->length; i++)
			copy[i] = copy[i] != 0;
	return 0;
}

static int fill_argument(struct wire_message *message, size_t index, struct error *error)
{
	const struct wire_argument *argument = &message->descriptors[index];
	struct vaccel_arg *filled = &message->arguments[index];
	bool is_output = index >= message->header.inputs;
	uint64_t size = is_output ? argument->capacity : argument->length;
	*filled = (struct vaccel_arg){
	    .size = size,
	    .type = (vaccel_arg_type_t)argument->type,
	    .custom_type_id = argument->custom_type,
	};
	if (is_output)
		message->output_flags[index - message->header.inputs] = argument->flags;
	if (argument->flags & WIRE_ARGUMENT_GROWS)
		return 0;
	uint8_t *shared = message->base + argument->offset;
	if (used_in_place(argument, size)) {
		filled->buf = shared;
		return 0;
	}
	size_t offset;
	place_copy(&message->copies_used, size, &offset);
	uint8_t *copy = message->copies + offset;
	/* Also the padding: nothing of an earlier message may be read, or answered. */
	size_t used = is_output ? 0 : size;
	memcpy(copy, shared, used);
	memset(copy + used, 0, message->copies_used - offset - used);
	filled->buf = copy;
	return is_output ? 0 : settle_input(argument, copy, index, error);
}

int wire_decode(struct wire_message *message, void *base, uint64_t extent, struct error *error)
{
	drop_copies(message);
	message->base = base;
	message->extent = extent;
	int result = copy_header(message, error);
	if (result)
		return result;
	size_t count = (size_t)message->header.inputs + message->header.outputs;
	uint64_t cursor = message->header.data_offset;
	for (size_t i = 0; i < count; i++) {
		result =
		    check_argument(&message->header, &message->descriptors[i], i, &cursor, error);
		if (result)
			return result;
	}
	result = reserve_copies(message, count, error);
	for (size_t i = 0; !result && i < count; i++)
		result = fill_argument(message, i, error);
	if (result)
		drop_copies(message);
	return result;
}

static bool input_is_in_place(const struct wire_message *message, size_t index)
{
	return used_in_place(&message->descriptors[index], message->descriptors[index].length);
}

int wire_copy_tensors(struct wire_message *message, struct error *error)
{
	size_t needed = 0, used = 0, offset;
	for (size_t i = 0; i < message->header.inputs; i++)
		if (input_is_in_place(message, i) &&
		    !place_copy(&needed, message->arguments[i].size, &offset))
			return error_set(error, ENOMEM, "argument %zu is too large", i);
	if (!needed)
		return 0;
	message->tensors = allocate_copies(message, needed, error);
	if (!message->tensors)
		return -ENOMEM;
	for (size_t i = 0; i < message->header.inputs; i++) {
		struct vaccel_arg *argument = &message->arguments[i];
		if (!input_is_in_place(message, i))
			continue;
		place_copy(&used, argument->size, &offset);
		argument->buf = memcpy(message->tensors + offset, argument->buf, argument->size);
	}
	return 0;
}

/* Puts one result into the shared message; *cursor is where the free part begins. */
static int answer_output(struct wire_message *message, size_t index, uint64_t *cursor)
{
	const struct wire_argument *argument = &message->descriptors[index];
	const struct vaccel_arg *result = &message->arguments[index];
	struct wire_argument *shared =
	    (struct wire_argument *)(message->base + sizeof(struct wire_header)) + index;
	uint64_t offset = argument->offset;
	if (argument->flags & WIRE_ARGUMENT_GROWS) {
		if (align_up_overflows(*cursor, WIRE_ALIGNMENT, &offset) ||
		    !range_within(offset, result->size, message->extent))
			return VACCEL_ENOSPC;
		*cursor = offset + result->size;
		shared->offset = offset;
	} else if (result->size > argument->capacity) {
		return VACCEL_ENOSPC;
	}
	if (result->size && result->buf != message->base + offset)
		memcpy(message->base + offset, result->buf, result->size);
	shared->length = result->size;
	return 0;
}

void wire_answer(struct wire_message *message, int status, uint64_t op_ns)
{
	struct wire_header *shared = (struct wire_header *)message->base;
	uint64_t cursor = message->header.data_end;
	size_t inputs = message->header.inputs, count = inputs + message->header.outputs;
	for (size_t i = inputs; i < count && !status; i++)
		status = answer_output(message, i, &cursor);
	for (size_t i = inputs; i < count; i++)
		if (message->descriptors[i].flags & WIRE_ARGUMENT_GROWS &&
		    message->arguments[i].owned)
			free(message->arguments[i].buf);
	shared->data_end = status ? message->header.data_offset : cursor;
	shared->op_ns = op_ns;
	shared->status = status;
	drop_copies(message);
}

void wire_refuse(struct wire_message *message, int status)
{
	struct wire_header *shared = (struct wire_header *)message->base;
	shared->status = status;
	shared->data_end = message->header.data_offset;
}

void wire_explain(struct wire_message *message, const char *reason)
{
	/* The private copy: what is shared may have changed. */
	uint64_t offset = message->header.data_offset;
	size_t length = strnlen(reason, message->extent - offset);
	memcpy(message->base + offset, reason, length);
	((struct wire_header *)message->base)->data_end = offset + length;
}
