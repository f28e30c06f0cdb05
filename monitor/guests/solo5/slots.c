/* What a slot of a Solo5 guest has beside its machine, and what of it is in a snapshot. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "monitor/guests/solo5/solo5.h"

/* The saved state: in which hypercall the guest waits, and then for each network device a byte with
 * the length of its link's state, and that. */
#define STATE_MAX (sizeof(struct solo5_waiting) + SOLO5_ENTRIES_MAX * (1UL + NETWORK_STATE_MAX))

_Static_assert(NETWORK_STATE_MAX <= UINT8_MAX, "a length has one byte");

int solo5_open(struct slot *slot, struct error *error)
{
	const struct guest_solo5 *self = solo5_of(slot);
	struct solo5_slot *own = calloc(1, sizeof(*own));
	if (!own)
		return error_set(error, ENOMEM, "no memory for a slot");
	slot->own = own;
	own->aside = solo5_aside_create(slot);
	if (!own->aside)
		return error_set(error, ENOMEM, "no memory for a slot");
	for (uint32_t i = 0; i < self->manifest.count; i++) {
		if (!self->devices.devices[i].network)
			continue;
		int result =
		    network_link_open(self->devices.devices[i].network, &own->links[i], error);
		if (result)
			return error_wrap(error, "device %s", self->manifest.entries[i].name);
	}
	return 0;
}

void solo5_close(struct slot *slot)
{
	struct solo5_slot *own = solo5_slot_of(slot);
	if (!own)
		return;
	solo5_aside_release(own->aside);
	for (size_t i = 0; i < SOLO5_ENTRIES_MAX; i++)
		network_link_release(own->links[i]);
	request_disk_release(&own->request);
	free(own);
	slot->own = NULL;
}

/* Takes the next link's state out of what is left; false where that is cut off. */
static bool take_link(const uint8_t **next, size_t *left, const uint8_t **state, size_t *length)
{
	if (!*left || **next > *left - 1)
		return false;
	*length = **next;
	*state = *next + 1;
	*next += 1 + *length;
	*left -= 1 + *length;
	return true;
}

static int begin_links(struct solo5_slot *own, const uint8_t *next, size_t left,
		       struct error *error)
{
	for (size_t i = 0; i < SOLO5_ENTRIES_MAX; i++) {
		const uint8_t *state = NULL;
		size_t length = 0;
		if (!own->links[i])
			continue;
		if (next && !take_link(&next, &left, &state, &length))
			return error_set(error, EBADMSG, "damaged: its devices' state is cut off");
		int result = network_link_begin(own->links[i], state, length, error);
		if (result)
			return result;
	}
	return 0;
}

int solo5_begin(struct slot *slot, struct error *error)
{
	struct solo5_slot *own = solo5_slot_of(slot);
	const struct guest_state *state = slot->state;
	own->waiting = (struct solo5_waiting){0};
	own->console_length = 0;
	own->accelerator = (struct solo5_accelerator){0};
	solo5_aside_retire(own->aside);
	request_disk_forget(&own->request);
	if (state)
		memcpy(&own->waiting, state->devices, sizeof(own->waiting));
	slot->machine->interrupts.wake_ns = 0;
	for (size_t i = 0; i < SOLO5_ENTRIES_MAX; i++)
		if (own->links[i] && network_link_brings_requests(own->links[i]))
			slot_make_console_log(slot);
	int result = begin_links(own, state ? state->devices + sizeof(own->waiting) : NULL,
				 state ? state->devices_length - sizeof(own->waiting) : 0, error);
	if (!result)
		solo5_boot_complete(slot);
	return result;
}

int solo5_save(struct slot *slot, struct guest_state *state, struct error *error)
{
	const struct solo5_slot *own = solo5_slot_of(slot);
	int result = slot->machine->isolation->save(slot->machine, &state->machine, error);
	if (result)
		return result;
	uint8_t *next = state->devices = malloc(STATE_MAX);
	if (!next)
		return error_set(error, ENOMEM, "no memory for a snapshot");
	memcpy(next, &own->waiting, sizeof(own->waiting));
	next += sizeof(own->waiting);
	for (size_t i = 0; i < SOLO5_ENTRIES_MAX; i++) {
		if (!own->links[i])
			continue;
		const size_t length = network_link_save(own->links[i], next + 1);
		*next = (uint8_t)length;
		next += 1 + length;
	}
	state->devices_length = (size_t)(next - state->devices);
	return 0;
}

int solo5_check_state(const struct guest_solo5 *self, const struct guest_state *state,
		      struct error *error)
{
	struct solo5_waiting waiting;
	const uint8_t *next = state->devices, *link;
	size_t left = state->devices_length, length;
	if (!state->machine.length)
		return error_set(error, EBADMSG, "damaged: it has no virtual CPU");
	if (left < sizeof(waiting))
		return error_set(error, EBADMSG, "damaged: its devices' state is cut off");
	memcpy(&waiting, next, sizeof(waiting));
	next += sizeof(waiting);
	left -= sizeof(waiting);
	bool sound = waiting.call == SOLO5_POLL || waiting.call == SOLO5_BLOCK_READ;
	for (uint32_t i = 0; i < self->manifest.count && sound; i++)
		if (self->devices.devices[i].network)
			sound =
			    take_link(&next, &left, &link, &length) && length <= NETWORK_STATE_MAX;
	return sound && !left
		   ? 0
		   : error_set(error, EBADMSG, "damaged: its devices' state is not sound");
}
