/* The device `i8042`: the keyboard controller of a PC, as far as it resets the machine, which ends
 * the request with status 0.
 *
 *     0x60    data: nothing ever comes
 *     0x64    write: a command, of which 0xfe is the reset. Read: its status, with nothing to read
 *             and room to write
 */
#include "devices.h"
#include "monitor/slot/slot.h"
#include "sizes/sizes.h"

#define I8042_DATA    0x60
#define I8042_STATUS  0x64
#define COMMAND_RESET 0xfe

static int i8042_attach(struct bus *bus, struct device *device, struct error *error)
{
	int result = bus_claim_ports(bus, device, I8042_DATA, 1, error);
	return result ? result : bus_claim_ports(bus, device, I8042_STATUS, 1, error);
}

static int i8042_access(struct device *device, struct slot *slot, struct device_access *access,
			enum device_next *next, struct error *error)
{
	(void)device;
	(void)error;
	if (!access->is_write)
		access->value = 0;
	else if (access->address == I8042_STATUS && (uint8_t)access->value == COMMAND_RESET)
		*next = device_end_request(slot, 0);
	return 0;
}

const struct device_kind device_i8042 = {
    .name = "i8042",
    .state_size = 1,
    .attach = i8042_attach,
    .access = i8042_access,
    .save = device_save_nothing,
    .load = device_load_nothing,
};
