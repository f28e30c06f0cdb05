/* The table of devices; see devices.h. */
#include "devices.h"

#include <string.h>

#include "sizes/sizes.h"

static const struct device_kind *const kinds[] = {
    &device_acpi_power, &device_console, &device_debug_exit, &device_i8042, &device_pic,
    &device_pit,	&device_power,	 &device_pvpanic,    &device_rtc,   &device_uart,
};

const struct device_kind *device_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (!strcmp(kinds[i]->name, name))
			return kinds[i];
	return NULL;
}
