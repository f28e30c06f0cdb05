/* How requests of the virtio device `accel` lie in memory; see accel.h.
 *
 * `v0.2` is what the drivers have that were released: those of Linux up to 0.2 and Unikraft's. What
 * is read: a header, the lists of arguments to read and to write (with pointers of the driver's own,
 * which mean nothing here), and the bytes of those to read. What is written: those to write, for a
 * new session its number, and the status.
 *
 * `development` is the layout of the driver's newest sources, which were not released. Arguments have
 * types, and the op's number is in the header. The list of those to write is itself among what is
 * written, with lengths that the driver has put there; behind it are, last, a return value and a
 * status of one byte.
 */
#include <string.h>

#include "accel.h"
#include "sizes/sizes.h"
#include "vaccel/op.h"

/* ── lists of arguments ──────────────────────────────────────────────────────────────────────── */

/* Where the bytes of arguments begin, and where those end that there are. */
struct span {
	uint64_t at, end;
	uint64_t left; /* of ACCEL_BYTES_MAX */
};

/* Gives the range its place behind those before it. */
static bool place(struct accel_range *range, struct span *span)
{
	if (range->length > span->left || !range_within(span->at, range->length, span->end))
		return false;
	range->offset = span->at;
	span->at += range->length;
	span->left -= range->length;
	return true;
}

static bool place_all(struct accel_range *ranges, unsigned count, struct span *span)
{
	for (unsigned i = 0; i < count; i++)
		if (!place(&ranges[i], span))
			return false;
	return true;
}

size_t accel_read_writable(const struct virtio_chain *chain, uint64_t offset, void *out,
			   size_t length)
{
	struct iovec ranges[VIRTIO_CHAIN_MAX];
	const unsigned count = virtio_chain_writable(chain, offset, length, ranges);
	size_t done = 0;
	for (unsigned i = 0; i < count; i++) {
		memcpy((uint8_t *)out + done, ranges[i].iov_base, ranges[i].iov_len);
		done += ranges[i].iov_len;
	}
	return done;
}

/* ── v0.2 ────────────────────────────────────────────────────────────────────────────────────── */

#define RELEASED_READY	      1U /* of the configuration's status */
#define RELEASED_STATUS_SIZE  4UL
#define RELEASED_SESSION_SIZE 4UL

struct released_configuration {
	uint32_t status, services;
	uint64_t size_max;
};

struct released_header {
	uint32_t session, command;
	uint32_t writable_count, readable_count;
	uint64_t pointers[2];
};
_Static_assert(sizeof(struct released_header) == 32, "as drivers have it");

struct released_argument {
	uint32_t length, reserved;
	uint64_t pointers[3];
	uint64_t reserved2[2];
};
_Static_assert(sizeof(struct released_argument) == 48, "as drivers have it");

static size_t released_configuration(uint8_t out[VIRTIO_CONFIG_MAX])
{
	const struct released_configuration configuration = {.status = RELEASED_READY,
							     .size_max = ACCEL_BYTES_MAX};
	memcpy(out, &configuration, sizeof(configuration));
	return sizeof(configuration);
}

/* The op by its number. Four bytes are the numbers of the library that drivers of this layout came
 * with; one byte is a number as vaccel_genop() has it today. */
static enum accel_status read_number(const struct virtio_chain *chain,
				     const struct accel_range *range, struct accel_request *request)
{
	static const uint16_t first_numbers[] = {
	    [0] = VACCEL_OP_NOOP,	  [2] = VACCEL_OP_IMAGE_CLASSIFY,
	    [3] = VACCEL_OP_IMAGE_DETECT, [4] = VACCEL_OP_IMAGE_SEGMENT,
	    [5] = VACCEL_OP_IMAGE_POSE,	  [6] = VACCEL_OP_IMAGE_DEPTH,
	};
	uint32_t number = 0;
	if (range->length != 1 && range->length != sizeof(number))
		return ACCEL_UNSOUND;
	virtio_chain_read(chain, range->offset, &number, range->length);
	request->op = (uint16_t)(number & 0xff);
	if (range->length == 1)
		return ACCEL_OK;
	if (number >= ARRAY_SIZE(first_numbers) || (number && !first_numbers[number]))
		return ACCEL_UNKNOWN;
	request->op = first_numbers[number];
	request->text_first = true;
	return ACCEL_OK;
}

static void read_list(const struct virtio_chain *chain, uint64_t offset, struct accel_range *ranges,
		      unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		struct released_argument argument = {0};
		virtio_chain_read(chain, offset + i * sizeof(argument), &argument,
				  sizeof(argument));
		ranges[i] = (struct accel_range){.length = argument.length};
	}
}

static enum accel_status read_released_op(const struct virtio_chain *chain,
					  const struct released_header *header,
					  struct accel_request *request)
{
	const unsigned inputs = header->readable_count, outputs = header->writable_count;
	struct span readable = {.end = chain->readable_length, .left = ACCEL_BYTES_MAX};
	if (inputs > ACCEL_ARGUMENTS_MAX || outputs > ACCEL_ARGUMENTS_MAX || !inputs)
		return ACCEL_UNSOUND;
	const uint64_t lists = sizeof(*header);
	readable.at = lists + (inputs + outputs) * sizeof(struct released_argument);
	read_list(chain, lists, request->inputs, inputs);
	read_list(chain, lists + inputs * sizeof(struct released_argument), request->outputs,
		  outputs);
	if (!place_all(request->inputs, inputs, &readable))
		return ACCEL_UNSOUND;
	struct span writable = {.end = chain->writable_length - RELEASED_STATUS_SIZE,
				.left = readable.left};
	if (!place_all(request->outputs, outputs, &writable))
		return ACCEL_UNSOUND;
	enum accel_status status = read_number(chain, &request->inputs[0], request);
	request->input_count = inputs - 1;
	request->output_count = outputs;
	memmove(request->inputs, request->inputs + 1, (inputs - 1) * sizeof(*request->inputs));
	return status;
}

static enum accel_status released_read(const struct virtio_chain *chain,
				       struct accel_request *request)
{
	struct released_header header;
	if (virtio_chain_read(chain, 0, &header, sizeof(header)) != sizeof(header))
		return ACCEL_UNSOUND;
	request->session = header.session;
	switch (header.command) {
	case 1:
		request->command = ACCEL_CREATE;
		return chain->writable_length >= RELEASED_SESSION_SIZE + RELEASED_STATUS_SIZE
			   ? ACCEL_OK
			   : ACCEL_UNSOUND;
	case 2:
		request->command = ACCEL_DESTROY;
		return ACCEL_OK;
	case 3:
		request->command = ACCEL_OPERATE;
		return read_released_op(chain, &header, request);
	case 4:
		request->command = ACCEL_TIMERS;
		return ACCEL_OK;
	default:
		return ACCEL_UNKNOWN;
	}
}

static void released_finish(const struct virtio_chain *chain, const struct accel_request *request,
			    enum accel_status status, int64_t session)
{
	const uint32_t value = status, number = (uint32_t)session;
	const uint64_t at = chain->writable_length - RELEASED_STATUS_SIZE;
	if (request->command == ACCEL_CREATE && !status)
		virtio_chain_write(chain, at - RELEASED_SESSION_SIZE, &number, sizeof(number));
	virtio_chain_write(chain, at, &value, sizeof(value));
}

/* ── development ─────────────────────────────────────────────────────────────────────────────── */

#define NEWEST_STATUS_SIZE  1UL
#define NEWEST_RETURN_SIZE  4UL
#define NEWEST_SESSION_SIZE 8UL
#define NEWEST_TRAILER_SIZE (NEWEST_RETURN_SIZE + NEWEST_STATUS_SIZE)

struct newest_configuration {
	uint16_t queue_count, descriptors_max; /* of a request */
};

struct newest_header {
	uint64_t request; /* not 0: a part of one */
	uint64_t session;
	uint32_t command, reserved;
	uint32_t op, readable_count, writable_count, reserved2;
	uint32_t part_count, reserved3;
};
_Static_assert(sizeof(struct newest_header) == 48, "as drivers have it");

struct newest_argument {
	uint32_t length, type, custom_type;
};

static size_t newest_configuration(uint8_t out[VIRTIO_CONFIG_MAX])
{
	const struct newest_configuration configuration = {1, VIRTIO_QUEUE_SIZE_MAX};
	memcpy(out, &configuration, sizeof(configuration));
	return sizeof(configuration);
}

static struct accel_range range_of(const struct newest_argument *argument)
{
	return (struct accel_range){.length = argument->length,
				    .type = argument->type,
				    .custom_type = argument->custom_type};
}

/* What is too short for its list leaves no room for the arguments behind it either. */
static void read_newest_lists(const struct virtio_chain *chain, struct accel_request *request)
{
	struct newest_argument argument;
	for (unsigned i = 0; i < request->input_count; i++) {
		argument = (struct newest_argument){0};
		virtio_chain_read(chain, sizeof(struct newest_header) + i * sizeof(argument),
				  &argument, sizeof(argument));
		request->inputs[i] = range_of(&argument);
	}
	for (unsigned i = 0; i < request->output_count; i++) {
		argument = (struct newest_argument){0};
		accel_read_writable(chain, i * sizeof(argument), &argument, sizeof(argument));
		request->outputs[i] = range_of(&argument);
	}
}

static enum accel_status read_newest_op(const struct virtio_chain *chain,
					const struct newest_header *header,
					struct accel_request *request)
{
	if (header->readable_count > ACCEL_ARGUMENTS_MAX ||
	    header->writable_count > ACCEL_ARGUMENTS_MAX)
		return ACCEL_UNSOUND;
	if (header->op > UINT16_MAX)
		return ACCEL_UNKNOWN;
	request->op = (uint16_t)header->op;
	request->has_types = true;
	request->input_count = header->readable_count;
	request->output_count = header->writable_count;
	read_newest_lists(chain, request);
	struct span readable = {.at = sizeof(*header) +
				      request->input_count * sizeof(struct newest_argument),
				.end = chain->readable_length,
				.left = ACCEL_BYTES_MAX};
	if (!place_all(request->inputs, request->input_count, &readable))
		return ACCEL_UNSOUND;
	struct span writable = {.at = request->output_count * sizeof(struct newest_argument),
				.end = chain->writable_length - NEWEST_TRAILER_SIZE,
				.left = readable.left};
	return place_all(request->outputs, request->output_count, &writable) ? ACCEL_OK
									     : ACCEL_UNSOUND;
}

static enum accel_status newest_read(const struct virtio_chain *chain,
				     struct accel_request *request)
{
	struct newest_header header;
	if (virtio_chain_read(chain, 0, &header, sizeof(header)) != sizeof(header) ||
	    header.request || header.part_count > 1)
		return ACCEL_UNSOUND;
	request->session = (int64_t)header.session;
	switch (header.command) {
	case 0:
		request->command = ACCEL_CREATE;
		return chain->writable_length >= NEWEST_SESSION_SIZE + NEWEST_TRAILER_SIZE
			   ? ACCEL_OK
			   : ACCEL_UNSOUND;
	case 1:
		request->command = ACCEL_DESTROY;
		return ACCEL_OK;
	case 2:
		request->command = ACCEL_OPERATE;
		return read_newest_op(chain, &header, request);
	default: /* the times of sessions, too */
		return ACCEL_UNKNOWN;
	}
}

static void newest_finish(const struct virtio_chain *chain, const struct accel_request *request,
			  enum accel_status status, int64_t session)
{
	const uint8_t value = (uint8_t)status;
	const uint32_t returned = status;
	const uint64_t number = (uint64_t)session;
	uint64_t at = chain->writable_length - NEWEST_STATUS_SIZE;
	virtio_chain_write(chain, at, &value, sizeof(value));
	at -= NEWEST_RETURN_SIZE;
	virtio_chain_write(chain, at, &returned, sizeof(returned));
	if (status)
		return;
	if (request->command == ACCEL_CREATE)
		virtio_chain_write(chain, at - NEWEST_SESSION_SIZE, &number, sizeof(number));
	for (unsigned i = 0; request->command == ACCEL_OPERATE && i < request->output_count; i++) {
		const struct accel_range *output = &request->outputs[i];
		const struct newest_argument argument = {output->length, output->type,
							 output->custom_type};
		virtio_chain_write(chain, i * sizeof(argument), &argument, sizeof(argument));
	}
}

/* ── which there are ─────────────────────────────────────────────────────────────────────────── */

static const struct accel_layout layouts[] = {
    {"v0.2", released_configuration, RELEASED_STATUS_SIZE, released_read, released_finish},
    {"development", newest_configuration, NEWEST_TRAILER_SIZE, newest_read, newest_finish},
};

const struct accel_layout *accel_layout_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(layouts); i++)
		if (!strcmp(layouts[i].name, name))
			return &layouts[i];
	return NULL;
}
