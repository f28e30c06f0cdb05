/* A slot's way to the accelerator host; see accelerator.h. */
#include "accelerator.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "accel_client/accel_client.h"
#include "mayfly/wire.h"
#include "util/checked.h"
#include "vaccel/op.h"

#define JOURNAL_BYTES_MAX (256UL << 20)
#define JOURNAL_COUNT_MAX 1024

void accelerator_init(struct accelerator *accelerator, const struct window *window,
		      const struct accel_dialer *dialer)
{
	*accelerator = (struct accelerator){.window = window, .dialer = dialer};
}

void accelerator_release(struct accelerator *accelerator)
{
	if (accelerator->client)
		accel_client_close(accelerator->client);
	accelerator->client = NULL;
}

void accelerator_journal_release(struct accelerator_journal *journal)
{
	for (size_t i = 0; i < journal->count; i++)
		free(journal->messages[i].data);
	free(journal->messages);
	*journal = (struct accelerator_journal){0};
}

static int accelerator_connect(struct accelerator *accelerator, uint64_t deadline_ns,
			       struct error *error)
{
	if (accelerator->client)
		return 0;
	return accel_client_open(&accelerator->client, accelerator->dialer,
				 accelerator->window->memfd, WINDOW_SIZE, deadline_ns, error);
}

/* What the connection knows now is what each request begins with. One without a mark is no use. */
static int accelerator_mark(struct accelerator *accelerator, uint64_t deadline_ns,
			    struct error *error)
{
	int result = accel_client_mark(accelerator->client, deadline_ns, error);
	if (result)
		accelerator_release(accelerator);
	return result;
}

/* A connection that failed is out of step; the next use makes a new one. Only a message that is not
 * sound leaves it as it was. */
static int accelerator_exchange(struct accelerator *accelerator, uint64_t offset, uint64_t length,
				uint64_t deadline_ns, struct error *error)
{
	int result = accel_client_call(accelerator->client, WINDOW_ARENA_OFFSET + offset, length,
				       deadline_ns, error);
	if (result && result != -EBADMSG)
		accelerator_release(accelerator);
	return result;
}

/* What a message of the set-up leaves behind at the host: sessions, resources, loaded models. What
 * only computes (a warm-up may do so) need not be done again for each connection. A guest that
 * changes the message afterwards changes what its own clones find. */
static bool leaves_something(const uint8_t *message, uint64_t extent)
{
	struct wire_header header;
	if (extent < sizeof(header))
		return false; /* no message: the host refuses it */
	memcpy(&header, message, sizeof(header));
	switch (header.op) {
	case WIRE_OP_SESSION_INIT:
	case WIRE_OP_SESSION_RELEASE:
	case WIRE_OP_RESOURCE_REGISTER:
	case WIRE_OP_RESOURCE_UNREGISTER:
	case VACCEL_OP_TF_MODEL_LOAD:
	case VACCEL_OP_TF_MODEL_UNLOAD:
	case VACCEL_OP_TFLITE_MODEL_LOAD:
	case VACCEL_OP_TFLITE_MODEL_UNLOAD:
	case VACCEL_OP_TORCH_MODEL_LOAD:
		return true;
	default:
		return false;
	}
}

/* Copies the message as the guest wrote it. Its end is the guest's word: it is only used to save
 * memory, the accelerator host checks it like the rest. */
static int journal_add(struct accelerator_journal *journal, const uint8_t *message, uint64_t extent,
		       struct error *error)
{
	struct wire_header header;
	if (extent < sizeof(header))
		return error_set(error, EBADMSG, "a message of %lu bytes is too short", extent);
	memcpy(&header, message, sizeof(header));
	uint64_t length = header.data_end < extent ? header.data_end : extent;
	if (length < sizeof(header))
		length = sizeof(header);
	if (journal->count == JOURNAL_COUNT_MAX || length > JOURNAL_BYTES_MAX - journal->bytes)
		return error_set(error, ENOSPC,
				 "set-up asks for more than %d accelerated calls or %lu MiB",
				 JOURNAL_COUNT_MAX, JOURNAL_BYTES_MAX >> 20);
	void *grown = realloc(journal->messages, (journal->count + 1) * sizeof(*journal->messages));
	if (!grown)
		return error_set(error, ENOMEM, "no memory for the set-up's journal");
	journal->messages = grown;
	uint8_t *copy = malloc(length);
	if (!copy)
		return error_set(error, ENOMEM, "no memory for the set-up's journal");
	memcpy(copy, message, length);
	journal->messages[journal->count].data = copy;
	journal->messages[journal->count].length = length;
	journal->messages[journal->count].extent = extent;
	journal->count++;
	journal->bytes += length;
	return 0;
}

int accelerator_call(struct accelerator *accelerator, uint64_t offset, uint64_t length,
		     uint64_t deadline_ns, struct accelerator_journal *journal, struct error *error)
{
	if (!range_within(offset, length, WINDOW_ARENA_SIZE))
		return error_set(error, EFAULT, "message %#lx+%#lx lies outside the arena", offset,
				 length);
	bool connected = accelerator->client;
	int result = accelerator_connect(accelerator, deadline_ns, error);
	/* Without a set-up the base of a connection is empty. */
	if (!result && !connected && !journal)
		result = accelerator_mark(accelerator, deadline_ns, error);
	if (result)
		return result;
	const uint8_t *message = accelerator->window->memory + WINDOW_ARENA_OFFSET + offset;
	if (journal && leaves_something(message, length)) {
		result = journal_add(journal, message, length, error);
		if (result)
			return result;
	}
	return accelerator_exchange(accelerator, offset, length, deadline_ns, error);
}

int accelerator_restore(struct accelerator *accelerator, const struct accelerator_journal *journal,
			uint64_t deadline_ns, struct error *error)
{
	if (accelerator->client || !journal->count)
		return 0;
	int result = accelerator_connect(accelerator, deadline_ns, error);
	for (size_t i = 0; i < journal->count && !result; i++) {
		memcpy(accelerator->window->memory + WINDOW_ARENA_OFFSET, journal->messages[i].data,
		       journal->messages[i].length);
		result = accelerator_exchange(accelerator, 0, journal->messages[i].extent,
					      deadline_ns, error);
	}
	if (!result)
		result = accelerator_mark(accelerator, deadline_ns, error);
	if (result)
		return error_wrap(error, "cannot restore the function's accelerator sessions");
	return 0;
}

void accelerator_reset(struct accelerator *accelerator)
{
	/* A connection that cannot be reset is as good as none. */
	if (accelerator->client && accel_client_reset(accelerator->client, NULL))
		accelerator_release(accelerator);
}
