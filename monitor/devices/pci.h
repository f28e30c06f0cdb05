/* The device `pci`: the configuration of a PCI bus by ports (mechanism 1), with functions that are
 * devices of the bus themselves, each with one range of ports and one interrupt.
 *
 * There is no firmware, so that all is in place when the guest begins, as one would have left it:
 * ports are where they are and cannot be moved; only how many there are can be found out. The lines
 * of interrupts are fixed, too.
 */
#ifndef MAYFLY_MONITOR_PCI_H
#define MAYFLY_MONITOR_PCI_H

#include <stddef.h>
#include <stdint.h>

#include "bus.h"

extern const struct device_kind device_pci;

#define PCI_FUNCTIONS_MAX 16

struct pci_function {
	uint16_t vendor, device, subsystem_vendor, subsystem;
	uint32_t class; /* class, subclass and interface */
	uint8_t revision;
	uint8_t line;
	uint16_t port, port_count; /* how many is a power of two, and `port` a multiple of it */
};

/* The backing of the device; function N is function 0 of the device N + 1 on bus 0. */
struct pci_functions {
	struct pci_function list[PCI_FUNCTIONS_MAX];
	size_t count;
};

#endif
