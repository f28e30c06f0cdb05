/* The device `acpi-power`: the control register of a PC's power management (ACPI's PM1a_CNT), as far
 * as it turns the machine off, which ends the request with status 0. There are no tables that name
 * it: guests that know its usual port turn the machine off by it. It has no state.
 */
#include "devices.h"
#include "monitor/slot/slot.h"
#include "sizes/sizes.h"

#define SLEEP_ENABLE 0x2000 /* ACPI 6.5, table 4.14; the state to sleep in is not looked at */

static const struct device_option acpi_power_options[] = {
    {"port", "the first of its two ports", 0x604}};

static int acpi_power_attach(struct bus *bus, struct device *device, struct error *error)
{
	return bus_claim_ports(bus, device, device->values[0], 2, error);
}

static int acpi_power_access(struct device *device, struct slot *slot, struct device_access *access,
			     enum device_next *next, struct error *error)
{
	(void)device;
	(void)error;
	if (!access->is_write)
		access->value = 0;
	else if ((access->value << 8 * access->offset) & SLEEP_ENABLE)
		*next = device_end_request(slot, 0);
	return 0;
}

const struct device_kind device_acpi_power = {
    .name = "acpi-power",
    .options = acpi_power_options,
    .option_count = ARRAY_SIZE(acpi_power_options),
    .state_size = 1,
    .attach = acpi_power_attach,
    .access = acpi_power_access,
    .save = device_save_nothing,
    .load = device_load_nothing,
};
