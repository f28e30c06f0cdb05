/* Accesses to a bus of devices, as a machine makes them. */
#ifndef MAYFLY_TESTS_DEVICES_BUS_REACH_H
#define MAYFLY_TESTS_DEVICES_BUS_REACH_H

#include "monitor/devices/bus.h"
#include "monitor/slot/slot.h"
#include "tests/check.h"

/* An access to the device that is there. False: there is none; *value is what is written, or was read. */
static inline bool bus_reach(struct bus *bus, struct slot *slot, enum machine_stop stop,
			     uint64_t address, uint32_t size, bool is_write, uint64_t *value)
{
	struct error error = {0};
	bool found = false;
	enum device_next next;
	const struct machine_exit exit = {.stop = stop,
					  .access = {.address = address,
						     .size = size,
						     .count = 1,
						     .is_write = is_write,
						     .data = (uint8_t *)value}};
	CHECK_NUMBER(bus_access(bus, slot, &exit, &found, &next, &error), 0);
	return found;
}

#endif
