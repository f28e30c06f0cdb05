/* The device `power`: the guest says where it stands.
 *
 *     port      write: the request is over, with that status
 *     port + 1  write: what was set up is set up, and the next thing is to read the request
 *
 * Its usual port is that of QEMU's isa-debug-exit. It has no state.
 */
#include "devices.h"
#include "monitor/slot/slot.h"
#include "sizes/sizes.h"

static const struct device_option power_options[] = {{"port", "the first of its two ports", 0x501}};

static int power_attach(struct bus *bus, struct device *device, struct error *error)
{
	return bus_claim_ports(bus, device, device->values[0], 2, error);
}

static int power_access(struct device *device, struct slot *slot, struct device_access *access,
			enum device_next *next, struct error *error)
{
	(void)device;
	(void)error;
	if (!access->is_write) {
		access->value = UINT64_MAX;
		return 0;
	}
	if (access->offset) {
		*next = DEVICE_READY;
		return 0;
	}
	*next = device_end_request(slot, (uint8_t)access->value);
	return 0;
}

const struct device_kind device_power = {
    .name = "power",
    .options = power_options,
    .option_count = ARRAY_SIZE(power_options),
    .state_size = 1,
    .attach = power_attach,
    .access = power_access,
    .save = device_save_nothing,
    .load = device_load_nothing,
};
