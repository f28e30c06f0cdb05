/* A slot's way to the accelerator host; see accelerator.h. */
#include "accelerator.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "accel/wire/ops.h"
#include "accel_client/accel_client.h"
#include "mayfly/wire.h"
#include "sizes/sizes.h"

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

/* Marks what the connection knows now: each request begins with that. Without a mark a connection
 * is of no use. */
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
	return wire_op_leaves_state(header.op);
}

/* Copies the message as the guest wrote it. Where it ends, the guest says. That is only used to
 * save memory: the accelerator host checks the end like all else. */
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
	if (result && result != -ETIMEDOUT)
		return -ENODEV;
	/* Without a set-up, connections begin empty. */
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

/* Has the host do again what a message of the set-up did. The arena is as empty afterwards as before:
 * a guest could take what is left there for its own, and have it served. */
static int repeat_message(struct accelerator *accelerator, const uint8_t *data, uint64_t length,
			  uint64_t extent, uint64_t deadline_ns, struct error *error)
{
	uint8_t *message = accelerator->window->memory + WINDOW_ARENA_OFFSET;
	struct wire_header answer;
	memcpy(message, data, length);
	int result = accelerator_exchange(accelerator, 0, extent, deadline_ns, error);
	if (result)
		return result;
	memcpy(&answer, message, sizeof(answer));
	uint64_t used = answer.data_end > length ? answer.data_end : length;
	memset(message, 0, used < extent ? used : extent);
	return 0;
}

int accelerator_restore(struct accelerator *accelerator, const struct accelerator_journal *journal,
			uint64_t deadline_ns, struct error *error)
{
	/* The host may have been replaced since the last request, which is no reason for this one to
	 * fail. */
	if (accelerator->client && accel_client_is_lost(accelerator->client))
		accelerator_release(accelerator);
	if (accelerator->client || !journal->count)
		return 0;
	int result = accelerator_connect(accelerator, deadline_ns, error);
	for (size_t i = 0; i < journal->count && !result; i++)
		result = repeat_message(accelerator, journal->messages[i].data,
					journal->messages[i].length, journal->messages[i].extent,
					deadline_ns, error);
	if (!result)
		result = accelerator_mark(accelerator, deadline_ns, error);
	if (result)
		return error_wrap(error, "cannot restore the function's accelerator sessions");
	return 0;
}

void accelerator_reset(struct accelerator *accelerator)
{
	/* A connection that cannot be reset is closed. */
	if (accelerator->client && accel_client_reset(accelerator->client, NULL))
		accelerator_release(accelerator);
}
