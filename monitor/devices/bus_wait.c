/* Devices that act by themselves, and guests that wait for them; see bus.h. */
#include <errno.h>
#include <poll.h>

#include "bus_internal.h"
#include "monitor/slot/slot.h"
#include "util/clock.h"

static int descriptor_of(const struct device *device)
{
	return device->kind->descriptor ? device->kind->descriptor(device) : -1;
}

uint64_t bus_due(const struct bus *bus)
{
	uint64_t due_ns = 0;
	for (size_t i = 0; i < bus->device_count; i++) {
		const struct device *device = &bus->devices[i];
		if (device->kind->due)
			due_ns = clock_earlier(due_ns, device->kind->due(device));
	}
	return due_ns;
}

bool bus_may_interrupt(const struct bus *bus)
{
	for (size_t i = 0; i < bus->device_count; i++)
		if (descriptor_of(&bus->devices[i]) >= 0)
			return true;
	return bus_due(bus) != 0;
}

int bus_serve(struct bus *bus, struct slot *slot, enum device_next *next, struct error *error)
{
	int result = 0;
	*next = DEVICE_CONTINUES;
	for (size_t i = 0; i < bus->device_count && !result && *next == DEVICE_CONTINUES; i++) {
		struct device *device = &bus->devices[i];
		if (device->kind->serve)
			result = device->kind->serve(device, slot, next, error);
	}
	return result;
}

/* Sleeps until something is to be done; it may wake for nothing. */
static int wait_for_devices(const struct bus *bus, uint64_t until_ns, struct error *error)
{
	struct pollfd polled[BUS_DEVICES_MAX];
	nfds_t count = 0;
	for (size_t i = 0; i < bus->device_count; i++) {
		const int fd = descriptor_of(&bus->devices[i]);
		if (fd >= 0)
			polled[count++] = (struct pollfd){.fd = fd, .events = POLLIN};
	}
	const struct timespec left = clock_left_until(clock_earlier(bus_due(bus), until_ns));
	if (ppoll(polled, count, &left, NULL) < 0 && errno != EINTR)
		return error_set_errno(error, errno, "cannot wait for devices");
	return 0;
}

int bus_wait(struct bus *bus, struct slot *slot, uint64_t until_ns, enum device_next *next,
	     struct error *error)
{
	const struct kernel_interrupts processor = bus_interrupts(bus);
	for (;;) {
		int result = bus_serve(bus, slot, next, error);
		if (result || *next != DEVICE_CONTINUES)
			return result;
		if ((processor.pending && processor.pending(processor.context)) || slot->answered ||
		    clock_now_ns() >= until_ns || machine_is_unwanted(slot->machine))
			return 0;
		result = wait_for_devices(bus, machine_look_ns(slot->machine, until_ns), error);
		if (result)
			return result;
	}
}

uint8_t *bus_memory(struct slot *slot, uint64_t physical, uint64_t length)
{
	const struct isolation *isolation = slot->machine->isolation;
	return isolation->memory ? isolation->memory(slot->machine, physical, length) : NULL;
}
