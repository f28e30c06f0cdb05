/* The device `debug-exit`: QEMU's isa-debug-exit, by which guests that are tested say how it went. A
 * write ends the request; Unikraft writes 41 where all went well, and 42 for a crash. Any other value
 * is the status that QEMU would end with, which is odd. It has no state.
 */
#include "devices.h"
#include "monitor/slot/slot.h"
#include "sizes/sizes.h"

#define VALUE_WELL  41
#define VALUE_CRASH 42

static const struct device_option debug_exit_options[] = {
    {"port", "the first of its two ports", 0x501}};

static int debug_exit_attach(struct bus *bus, struct device *device, struct error *error)
{
	return bus_claim_ports(bus, device, device->values[0], 2, error);
}

static int debug_exit_access(struct device *device, struct slot *slot, struct device_access *access,
			     enum device_next *next, struct error *error)
{
	(void)device;
	(void)error;
	if (!access->is_write) {
		access->value = UINT64_MAX;
		return 0;
	}
	if (access->value == VALUE_CRASH)
		*next = device_end_by_crash(slot);
	else
		*next = device_end_request(
		    slot, access->value == VALUE_WELL ? 0 : (uint8_t)(access->value << 1 | 1));
	return 0;
}

const struct device_kind device_debug_exit = {
    .name = "debug-exit",
    .options = debug_exit_options,
    .option_count = ARRAY_SIZE(debug_exit_options),
    .state_size = 1,
    .attach = debug_exit_attach,
    .access = debug_exit_access,
    .save = device_save_nothing,
    .load = device_load_nothing,
};
