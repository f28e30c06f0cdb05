/* The devices that there are, one file each. */
#ifndef MAYFLY_MONITOR_DEVICES_H
#define MAYFLY_MONITOR_DEVICES_H

#include "bus.h"

extern const struct device_kind device_acpi_power;
extern const struct device_kind device_console;
extern const struct device_kind device_debug_exit;
extern const struct device_kind device_i8042;
extern const struct device_kind device_pic;
extern const struct device_kind device_pit;
extern const struct device_kind device_power;
extern const struct device_kind device_pvpanic;
extern const struct device_kind device_rtc;
extern const struct device_kind device_uart;

/* For devices that end the request: what they then have as *next. */
enum device_next device_end_request(struct slot *slot, uint8_t status);
enum device_next device_end_by_crash(struct slot *slot);

/* For devices without a state. */
size_t device_save_nothing(const struct device *device, uint8_t *out);
bool device_load_nothing(struct device *device, const uint8_t *data, size_t length);

#endif
