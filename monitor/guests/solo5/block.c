/* Block devices of Solo5 guests: a file, or the request. */
#include <errno.h>
#include <unistd.h>

#include "monitor/guests/solo5/solo5.h"
#include "sizes/sizes.h"

/* All of it, or false: the file is shorter than it was, or cannot be read or written. */
static bool transfer(const struct solo5_device *device, bool is_write, uint8_t *data,
		     uint64_t length, uint64_t offset)
{
	while (length) {
		const ssize_t done = is_write ? pwrite(device->file, data, length, (off_t)offset)
					      : pread(device->file, data, length, (off_t)offset);
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return false;
		data += done;
		length -= (uint64_t)done;
		offset += (uint64_t)done;
	}
	return true;
}

/* The device of a handle; NULL: it has no block device. */
static const struct solo5_entry *find_entry(const struct guest_solo5 *self, uint64_t handle)
{
	if (handle >= self->manifest.count || self->manifest.entries[handle].type != SOLO5_BLOCK)
		return NULL;
	return &self->manifest.entries[handle];
}

/* Reads from the request's device: in a set-up, the guest waits for its first request then. */
static int read_request(struct slot *slot, uint32_t address, const struct solo5_block_call *call,
			const struct solo5_entry *entry, uint8_t *data, enum guest_next *next,
			struct error *error)
{
	int result = 0;
	if (slot->setup && !slot->setup->warming_up)
		result = solo5_freeze(slot, SOLO5_BLOCK_READ, address, next, error);
	if (!result && *next == GUEST_CONTINUES)
		result = solo5_request_gather(slot, next, error);
	if (!result && *next == GUEST_CONTINUES)
		request_disk_read(&solo5_slot_of(slot)->request, entry->block.block_size,
				  call->offset, data, call->length);
	return result;
}

/* Whether all of it came to pass; the call lies within the device. */
static bool serve_device(struct slot *slot, const struct solo5_device *device,
			 const struct solo5_block_call *call, bool is_write, uint8_t *data,
			 enum guest_next *next)
{
	if (device->is_accelerator)
		return solo5_accelerator_transfer(&solo5_slot_of(slot)->accelerator, slot, is_write,
						  call->offset, data, call->length, next);
	if (device->is_request)
		return false;
	return (!is_write || device->is_writable) &&
	       transfer(device, is_write, data, call->length, call->offset);
}

int solo5_block_call(struct slot *slot, uint32_t number, uint32_t address, enum guest_next *next,
		     struct error *error)
{
	const struct guest_solo5 *self = solo5_of(slot);
	const bool is_write = number == SOLO5_BLOCK_WRITE;
	struct solo5_block_call call;
	if (!solo5_copy_in(slot, address, &call, sizeof(call), next))
		return 0;
	const struct solo5_entry *entry = find_entry(self, call.handle);
	const struct solo5_device *device = entry ? &self->devices.devices[call.handle] : NULL;
	call.result = SOLO5_INVALID;
	/* These wait for others. */
	if (entry && (device->is_request || device->is_accelerator) &&
	    solo5_aside_declines(solo5_slot_of(slot)->aside))
		return 0;
	if (entry && call.length && range_within(call.offset, call.length, entry->block.capacity)) {
		uint8_t *data = solo5_memory(slot, call.data, call.length, next);
		if (!data)
			return 0;
		call.result = SOLO5_UNSPECIFIED;
		if (device->is_request && !is_write) {
			int result = read_request(slot, address, &call, entry, data, next, error);
			if (result || *next != GUEST_CONTINUES)
				return result;
			call.result = SOLO5_OK;
		} else if (serve_device(slot, device, &call, is_write, data, next)) {
			call.result = SOLO5_OK;
		}
		if (*next != GUEST_CONTINUES)
			return 0;
	}
	solo5_copy_out(slot, address + offsetof(struct solo5_block_call, result), &call.result,
		       sizeof(call.result), next);
	return 0;
}
