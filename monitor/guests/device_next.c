/* Words of devices; see device_next.h. */
#include "device_next.h"

#include "monitor/slot/setup.h"
#include "monitor/slot/slot.h"

int guest_is_ready(struct slot *slot, enum guest_next *next, struct error *error)
{
	enum device_next device;
	int result = slot->setup ? bus_flush(slot->bus, slot, &device, error) : 0;
	if (result || !slot->setup)
		return result;
	if (slot->setup->warm_up && !slot->setup->warming_up)
		slot_begin_warm_up(slot);
	else
		*next = GUEST_FROZEN;
	return 0;
}

int guest_follow_device(struct slot *slot, enum device_next device, enum guest_next *next,
			struct error *error)
{
	if (device == DEVICE_READY)
		return guest_is_ready(slot, next, error);
	if (device == DEVICE_FINISHED)
		*next = GUEST_FINISHED;
	return 0;
}
