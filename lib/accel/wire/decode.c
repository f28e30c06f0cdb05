/* The host's side of the codec: checks a message from someone who may be hostile, and answers it;
 * see wire.h.
 *
 * The sender can write to the shared message at any moment. Header and descriptors are therefore
 * read once, into private memory, and only the copies are looked at.
 */
#include "accel/wire/wire.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "sizes/sizes.h"
#include "vaccel/error.h"

/* Private memory beyond this is given back after the message that needed it: a peer that is idle
 * holds no more. */
#define KEPT_COPIES_MAX	   (256UL << 10)
#define KEPT_ARGUMENTS_MAX 64

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
	return wire_is_used_in_place((vaccel_arg_type_t)argument->type, size);
}

static uint64_t size_of(const struct wire_message *message, size_t index)
{
	const struct wire_argument *argument = &message->descriptors[index];
	return index < message->header.inputs ? argument->length : argument->capacity;
}

void wire_message_init(struct wire_message *message, struct budget *budget)
{
	memset(message, 0, sizeof(*message));
	message->budget = budget;
}

void wire_message_use_window(struct wire_message *message, uint8_t *window, uint64_t size)
{
	message->window = window;
	message->window_size = size;
}

static void release_lists(struct wire_message *message)
{
	free(message->lists);
	message->lists = NULL;
	message->lists_capacity = 0;
	message->arguments = NULL;
	message->descriptors = NULL;
	message->output_flags = NULL;
}

static void release_copies(struct wire_message *message)
{
	free(message->copies);
	free(message->tensors);
	message->copies = message->tensors = NULL;
	message->copies_capacity = 0;
	if (message->budget)
		budget_give(message->budget, message->budget_taken);
	message->budget_taken = 0;
}

void wire_message_release(struct wire_message *message)
{
	release_copies(message);
	release_lists(message);
}

/* After a message: only what may be kept stays. */
static void drop_copies(struct wire_message *message)
{
	if (message->lists_capacity > KEPT_ARGUMENTS_MAX)
		release_lists(message);
	if (message->copies_capacity > KEPT_COPIES_MAX || message->tensors)
		release_copies(message);
}

/* Lists for so many arguments. They count in no budget: the largest have 84 KiB. */
static int reserve_lists(struct wire_message *message, size_t count, struct error *error)
{
	if (message->descriptors && count <= message->lists_capacity)
		return 0;
	release_lists(message);
	size_t capacity = count < KEPT_ARGUMENTS_MAX ? KEPT_ARGUMENTS_MAX : count;
	message->lists = malloc(capacity * (sizeof(struct vaccel_arg) +
					    sizeof(struct wire_argument) + sizeof(uint32_t)));
	if (!message->lists) {
		error_set(error, ENOMEM, "no memory for %zu arguments", count);
		return -ENOMEM;
	}
	message->lists_capacity = capacity;
	message->arguments = message->lists;
	message->descriptors = (struct wire_argument *)(message->arguments + capacity);
	message->output_flags = (uint32_t *)(message->descriptors + capacity);
	return 0;
}

void wire_forget(struct wire_message *message)
{
	drop_copies(message);
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
	int result = reserve_lists(message, count, error);
	if (!result)
		memcpy(message->descriptors, message->base + sizeof(*header),
		       count * sizeof(struct wire_argument));
	return result;
}

static int check_size(const struct wire_argument *argument, size_t index, uint64_t size,
		      struct error *error)
{
	uint64_t element = element_sizes[argument->type];
	if (size % element || (type_is_scalar(argument->type) && size != element))
		return error_set(error, EBADMSG, "argument %zu of type %u has %llu bytes", index,
				 argument->type, (unsigned long long)size);
	return 0;
}

/* An argument that is used where it lies, outside of the message. */
static int check_in_window(const struct wire_message *message, size_t index, struct error *error)
{
	const struct wire_argument *argument = &message->descriptors[index];
	uint64_t size = size_of(message, index);
	if (!used_in_place(argument, size) || argument->offset % element_sizes[argument->type] ||
	    !message->window || !range_within(argument->offset, size, message->window_size))
		return error_set(
		    error, EBADMSG, "argument %zu at %llu of %llu bytes is no array in the window",
		    index, (unsigned long long)argument->offset, (unsigned long long)size);
	return check_size(argument, index, size, error);
}

/* Checks one descriptor; its data must begin at or after *cursor, which then moves behind it. */
static int check_argument(const struct wire_message *message, size_t index, uint64_t *cursor,
			  struct error *error)
{
	const struct wire_header *header = &message->header;
	const struct wire_argument *argument = &message->descriptors[index];
	bool is_output = index >= header->inputs;
	uint32_t known = WIRE_ARGUMENT_IN_WINDOW;
	if (is_output)
		known |= WIRE_ARGUMENT_GROWS | WIRE_ARGUMENT_CARRIES;
	if (argument->type >= VACCEL_ARG_MAX || argument->reserved || argument->reserved2)
		return error_set(error, EBADMSG, "argument %zu has type %u or reserved bits", index,
				 argument->type);
	if ((argument->flags & ~known) ||
	    ((argument->flags & WIRE_ARGUMENT_GROWS) && argument->flags != WIRE_ARGUMENT_GROWS))
		return error_set(error, EBADMSG, "argument %zu has flags %#x", index,
				 argument->flags);
	if (argument->flags & WIRE_ARGUMENT_GROWS) {
		if (argument->offset || argument->length || argument->capacity)
			return error_set(error, EBADMSG, "argument %zu grows and has a place",
					 index);
		return 0;
	}
	if (argument->flags & WIRE_ARGUMENT_IN_WINDOW)
		return check_in_window(message, index, error);
	uint64_t size = size_of(message, index);
	if (argument->offset % WIRE_ALIGNMENT || argument->offset < *cursor ||
	    !range_within(argument->offset, size, header->data_end))
		return error_set(
		    error, EBADMSG,
		    "argument %zu at %llu of %llu bytes is not in its place in [%llu, %llu)", index,
		    (unsigned long long)argument->offset, (unsigned long long)size,
		    (unsigned long long)*cursor, (unsigned long long)header->data_end);
	*cursor = argument->offset + size;
	return check_size(argument, index, size, error);
}

/* The place of an argument's copy: each begins aligned and is followed by at least one zero byte,
 * so that text handed to careless code still ends. */
static bool place_copy(size_t *used, uint64_t size, size_t *offset)
{
	uint64_t end;
	*offset = *used;
	if (add_overflows(*used, size, &end) || add_overflows(end, 1, &end) ||
	    round_up_overflows(end, WIRE_ALIGNMENT, &end))
		return false;
	*used = end;
	return true;
}

static int reserve_copies(struct wire_message *message, size_t count, struct error *error)
{
	size_t needed = 0, offset;
	for (size_t i = 0; i < count; i++) {
		const struct wire_argument *argument = &message->descriptors[i];
		uint64_t size = size_of(message, i);
		if ((argument->flags & WIRE_ARGUMENT_GROWS) || used_in_place(argument, size))
			continue;
		if (!place_copy(&needed, size, &offset))
			return error_set(error, EBADMSG, "argument %zu is too large", i);
	}
	if (needed > message->copies_capacity) {
		release_copies(message);
		message->copies = allocate_copies(message, needed, error);
		if (!message->copies)
			return -ENOMEM;
		message->copies_capacity = needed;
	}
	message->copies_used = 0;
	return 0;
}

/* Makes true in a private copy what C's types promise: a bool is 0 or 1, and strings that come in
 * end. */
static int settle_copy(const struct wire_argument *argument, uint8_t *copy, uint64_t size,
		       size_t index, bool is_output, struct error *error)
{
	if (argument->type == VACCEL_ARG_STRING && !is_output && (!size || copy[size - 1]))
		return error_set(error, EBADMSG, "argument %zu is a string without an end", index);
	if (argument->type == VACCEL_ARG_BOOL || argument->type == VACCEL_ARG_BOOL_ARRAY)
		for (uint64_t i = 0; i < size; i++)
			copy[i] = copy[i] != 0;
	return 0;
}

/* Where an argument's bytes are that the sender sees. */
static uint8_t *shared_place(const struct wire_message *message, size_t index)
{
	const struct wire_argument *argument = &message->descriptors[index];
	return (argument->flags & WIRE_ARGUMENT_IN_WINDOW ? message->window : message->base) +
	       argument->offset;
}

static int fill_argument(struct wire_message *message, size_t index, struct error *error)
{
	const struct wire_argument *argument = &message->descriptors[index];
	struct vaccel_arg *filled = &message->arguments[index];
	bool is_output = index >= message->header.inputs;
	uint64_t size = size_of(message, index);
	*filled = (struct vaccel_arg){
	    .size = size,
	    .type = (vaccel_arg_type_t)argument->type,
	    .custom_type_id = argument->custom_type,
	};
	if (is_output)
		message->output_flags[index - message->header.inputs] =
		    argument->flags & (WIRE_ARGUMENT_GROWS | WIRE_ARGUMENT_CARRIES);
	if (argument->flags & WIRE_ARGUMENT_GROWS)
		return 0;
	if (used_in_place(argument, size)) {
		filled->buf = shared_place(message, index);
		return 0;
	}
	size_t offset;
	place_copy(&message->copies_used, size, &offset);
	uint8_t *copy = message->copies + offset;
	/* Zeroes the padding, too: nothing of an earlier message may be read or sent back. */
	bool comes_in = !is_output || (argument->flags & WIRE_ARGUMENT_CARRIES);
	size_t used = comes_in ? size : 0;
	memcpy(copy, shared_place(message, index), used);
	memset(copy + used, 0, message->copies_used - offset - used);
	filled->buf = copy;
	return settle_copy(argument, copy, used, index, is_output, error);
}

int wire_decode(struct wire_message *message, void *base, uint64_t extent, struct error *error)
{
	drop_copies(message);
	message->base = base;
	message->extent = extent;
	int result = copy_header(message, error);
	if (result || !message->descriptors)
		return result;
	size_t count = (size_t)message->header.inputs + message->header.outputs;
	uint64_t cursor = message->header.data_offset;
	for (size_t i = 0; !result && i < count; i++)
		result = check_argument(message, i, &cursor, error);
	if (!result)
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

/* Puts one result into the shared message; *cursor is where the free part begins. VACCEL_ENOSPC,
 * with the cursor moved all the same, where there is no room. */
static int answer_output(struct wire_message *message, size_t index, uint64_t *cursor)
{
	const struct wire_argument *argument = &message->descriptors[index];
	const struct vaccel_arg *result = &message->arguments[index];
	struct wire_argument *shared =
	    (struct wire_argument *)(message->base + sizeof(struct wire_header)) + index;
	uint8_t *place = shared_place(message, index);
	if (argument->flags & WIRE_ARGUMENT_GROWS) {
		uint64_t offset;
		if (round_up_overflows(*cursor, WIRE_ALIGNMENT, &offset) ||
		    add_overflows(offset, result->size, cursor) || *cursor > message->extent)
			return VACCEL_ENOSPC;
		shared->offset = offset;
		place = message->base + offset;
	} else if (result->size > argument->capacity) {
		return VACCEL_ENOSPC;
	}
	if (result->size && result->buf != place)
		memcpy(place, result->buf, result->size);
	shared->length = result->size;
	return 0;
}

int wire_answer(struct wire_message *message, int status, uint64_t op_ns)
{
	struct wire_header *shared = (struct wire_header *)message->base;
	uint64_t cursor = message->header.data_end;
	size_t inputs = message->header.inputs, count = inputs + message->header.outputs;
	bool succeeded = !status;
	for (size_t i = inputs; i < count && succeeded; i++) {
		int answered = answer_output(message, i, &cursor);
		status = answered ? answered : status;
	}
	message->needed = cursor;
	for (size_t i = inputs; i < count; i++)
		if (message->descriptors[i].flags & WIRE_ARGUMENT_GROWS &&
		    message->arguments[i].owned)
			free(message->arguments[i].buf);
	shared->data_end = status ? message->header.data_offset : cursor;
	shared->op_ns = op_ns;
	shared->status = status;
	drop_copies(message);
	return status;
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
	uint64_t room = message->extent - offset;
	size_t length = strnlen(reason, room < WIRE_REASON_MAX ? room : WIRE_REASON_MAX);
	memcpy(message->base + offset, reason, length);
	((struct wire_header *)message->base)->data_end = offset + length;
}
