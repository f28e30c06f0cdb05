/* The ACPI tables of a Linux guest: there is a PC without local APIC and PCI firmware, whose devices
 * are virtio-mmio ones. A kernel that has no driver for those on its command line (Debian's) finds
 * them here. */
#ifndef MAYFLY_MONITOR_LINUX_ACPI_H
#define MAYFLY_MONITOR_LINUX_ACPI_H

#include <stddef.h>
#include <stdint.h>

#define ACPI_DEVICES_MAX 16

/* The ports that the tables name. */
#define ACPI_EVENT_PORT	  0x600 /* PM1a: status, enable; no device need be there */
#define ACPI_CONTROL_PORT 0x604 /* PM1a: 0x2000 is the end */
#define ACPI_RESET_PORT	  0x64	/* the keyboard controller's: 0xfe is a reset */
#define ACPI_RESET_VALUE  0xfe

struct acpi_device {
	uint64_t address, length; /* guest-physical, below 4 GiB */
	uint32_t line;		  /* of the interrupt controller */
};

/* Writes the tables at guest-physical `address`, where `room` bytes at `memory` are the guest's.
 * `count` is at most ACPI_DEVICES_MAX. Returns how many bytes they take; 0: more than there is room
 * for. */
size_t acpi_write(uint8_t *memory, size_t room, uint64_t address, const struct acpi_device *devices,
		  size_t count);

#endif
