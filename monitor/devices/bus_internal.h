/* What a bus consists of: for bus*.c only. */
#ifndef MAYFLY_MONITOR_BUS_INTERNAL_H
#define MAYFLY_MONITOR_BUS_INTERNAL_H

#include "bus.h"

struct claim {
	bool is_memory;
	uint64_t first, count;
	struct device *device;
};

struct bus {
	struct device devices[BUS_DEVICES_MAX];
	size_t device_count;
	struct claim claims[BUS_CLAIMS_MAX];
	size_t claim_count;
	struct bus_interrupts interrupts; /* its device is NULL where there is no controller */
};

#endif
