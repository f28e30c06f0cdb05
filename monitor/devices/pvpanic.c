/* The device `pvpanic`: QEMU's port for guests that crash. Read: which events it takes. A write of
 * such an event ends the request as a crash. It has no state.
 */
#include "devices.h"
#include "monitor/slot/slot.h"
#include "sizes/sizes.h"

#define PVPANIC_PANICKED 0x01

static const struct device_option pvpanic_options[] = {{"port", "its port", 0x505}};

static int pvpanic_attach(struct bus *bus, struct device *device, struct error *error)
{
	return bus_claim_ports(bus, device, device->values[0], 1, error);
}

static int pvpanic_access(struct device *device, struct slot *slot, struct device_access *access,
			  enum device_next *next, struct error *error)
{
	(void)device;
	(void)error;
	if (!access->is_write)
		access->value = PVPANIC_PANICKED;
	else if (access->value & PVPANIC_PANICKED)
		*next = device_end_by_crash(slot);
	return 0;
}

const struct device_kind device_pvpanic = {
    .name = "pvpanic",
    .options = pvpanic_options,
    .option_count = ARRAY_SIZE(pvpanic_options),
    .state_size = 1,
    .attach = pvpanic_attach,
    .access = pvpanic_access,
    .save = device_save_nothing,
    .load = device_load_nothing,
};
