/* The bytes of a request on their way into the request area of its slot's window.
 *
 * The area is the monitor's, but for the time from CHANNEL_MORE to the CHANNEL_FED that brings
 * something. Who feeds a request may copy into it during that time, without the lock. A monitor
 * whose request ends meanwhile says CHANNEL_ENOUGH, and does not clear the area before it is its
 * own: bytes of one request must not get into the next one. */
#include <errno.h>
#include <string.h>

#include "function/function.h"
#include "mayfly/guest_abi.h"
#include "util/lock.h"

/* What lies at `offset` in `source`, as much as fits. */
static size_t copy_from(const void *source, size_t length, size_t offset, uint8_t *out, size_t room)
{
	if (offset >= length)
		return 0;
	const size_t part = length - offset < room ? length - offset : room;
	memcpy(out, (const uint8_t *)source + offset, part);
	return part;
}

size_t feed_copy_part(struct entry *entry, uint8_t *window, bool *last)
{
	const struct mayfly_request *request = &entry->request;
	size_t part = copy_from(request->head, request->head_length, entry->sent, window,
				WINDOW_REQUEST_SIZE);
	const size_t sent = entry->sent + part;
	if (sent >= request->head_length)
		part += copy_from(request->data, request->length, sent - request->head_length,
				  window + part, WINDOW_REQUEST_SIZE - part);
	entry->sent += part;
	*last =
	    entry->sent == request->head_length + request->length && !(request->flags & MAYFLY_FED);
	return part;
}

/* Says what lies in the request area, or why nothing does. */
static void tell_fed(struct mayfly_function *function, const struct function_slot *slot,
		     size_t length, bool last, int result)
{
	if (length)
		requests_extend(slot->entry);
	struct channel_message message = {
	    .kind = CHANNEL_FED,
	    .flags = last ? CHANNEL_FINAL : 0,
	    .slot = slot->number,
	    .serial = slot->entry->serial,
	    .length = length,
	    .result = result,
	};
	monitor_send(function, slot->socket, &message, NULL, NULL, 0);
}

/* Gives the request area back to the monitor, with what was gathered there. */
static void give_back(struct mayfly_function *function, struct function_slot *slot, int result)
{
	struct entry *entry = slot->entry;
	tell_fed(function, slot, entry->filled, entry->fed_all, result);
	entry->feed = FEED_NONE;
	entry->filled = 0;
}

void feed_cancel(struct mayfly_function *function, struct function_slot *slot)
{
	if (slot->entry->feed == FEED_WANTED)
		give_back(function, slot, -ECANCELED);
}

/* Calls `wanted` without the lock. The entry stays meanwhile, as only whoever drives the function
 * ends one that runs. */
static void ask_feeder(struct mayfly_function *function, struct function_slot *slot)
{
	struct entry *entry = slot->entry;
	const struct mayfly_request *request = &entry->request;
	entry->feed = FEED_WANTED;
	if (request->wanted && !entry->cancelled) {
		entry->asking = true;
		pthread_mutex_unlock(&function->lock);
		request->wanted(request->context, WINDOW_REQUEST_SIZE);
		pthread_mutex_lock(&function->lock);
		entry->asking = false;
	}
	if (entry->cancelled)
		feed_cancel(function, slot);
	else if (entry->feed == FEED_WANTED && entry->filled)
		give_back(function, slot, 0);
	else if (entry->feed == FEED_WANTED) /* it was not fed meanwhile */
		tell_fed(function, slot, 0, false, -EAGAIN);
}

void feed_hear_more(struct mayfly_function *function, struct function_slot *slot)
{
	struct entry *entry = slot->entry;
	bool last;
	const size_t part = feed_copy_part(entry, slot->window, &last);
	last |= entry->fed_all;
	if (part || last)
		tell_fed(function, slot, part, last, 0);
	else
		ask_feeder(function, slot);
}

void feed_hear_enough(struct mayfly_function *function, struct function_slot *slot)
{
	if (!(slot->entry->request.flags & MAYFLY_FED)) {
		monitor_distrust(function, "enough of what was never fed");
		return;
	}
	/* Whoever copies answers when that is done. */
	if (slot->entry->feed != FEED_WANTED)
		return;
	give_back(function, slot, 0);
}

static struct entry *find_waiting(const struct mayfly_function *function, uint64_t serial)
{
	struct entry *entry = function->queue;
	while (entry && entry->serial != serial)
		entry = entry->next;
	return entry;
}

/* Copies what there is room for, and lets the lock go meanwhile. The slot wants to be fed. */
static int feed_slot(struct mayfly_function *function, struct function_slot *slot, const void *data,
		     size_t length, bool last)
{
	struct entry *entry = slot->entry;
	int result = 0;
	entry->feed = FEED_COPYING;
	entry->copy = ENTRY_COPYING;
	slot->references++;
	pthread_mutex_unlock(&function->lock);
	if (length)
		memcpy(slot->window + entry->filled, data, length);
	pthread_mutex_lock(&function->lock);
	entry->feed = FEED_WANTED;
	if (atomic_exchange(&entry->copy, ENTRY_AT_REST) == ENTRY_ENDED) {
		requests_add_told(function, entry);
		loop_wake(function);
		result = -ENOENT;
	} else {
		entry->filled += length;
		entry->fed_all = last;
		if (last || !entry->asking || entry->filled == WINDOW_REQUEST_SIZE)
			give_back(function, slot, 0);
	}
	slots_release(slot);
	return result;
}

int mayfly_function_feed(struct mayfly_function *function, uint64_t serial, const void *data,
			 size_t length, int last, size_t *taken)
{
	size_t nobody;
	int result = function_check(function);
	if (!taken)
		taken = &nobody;
	*taken = 0;
	if (result || (length && !data))
		return result ? result : -EINVAL;
	lock_scoped(&function->lock);
	struct function_slot *slot = slots_find(function, serial);
	struct entry *entry = slot ? slot->entry : find_waiting(function, serial);
	if (!entry)
		return -ENOENT;
	if (!(entry->request.flags & MAYFLY_FED) || entry->fed_all)
		return -EINVAL;
	if (entry->feed == FEED_COPYING)
		return -EBUSY;
	if (!length && (!last || entry->feed == FEED_NONE)) {
		entry->fed_all = last;
		return 0;
	}
	if (!slot || entry->feed == FEED_NONE)
		return -EAGAIN;
	const size_t room = WINDOW_REQUEST_SIZE - entry->filled;
	const size_t part = length < room ? length : room;
	result = feed_slot(function, slot, data, part, last && part == length);
	if (result)
		return result;
	*taken = part;
	return part == length ? 0 : -EAGAIN;
}
