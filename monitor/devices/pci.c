/* The configuration of a PCI bus; see pci.h.
 *
 *     port          the address (4 bytes): bit 31, and bus, device, function, register
 *     port + 4 … 7  what is there
 *
 * The host's bridge is device 0. Interrupts, decoding and bus mastering are always on.
 */
#include "pci.h"

#include <string.h>

#include "sizes/sizes.h"

#define ADDRESS_ENABLED	  0x80000000U
#define ADDRESS_BITS	  0x80fffffcU
#define DATA		  4
#define COMMAND		  0x0005U /* ports are decoded; it reaches memory by itself */
#define PIN_A		  1U
#define RANGE_IS_PORTS	  1U
#define INTEL		  0x8086U
#define BRIDGE		  0x1237U
#define CLASS_HOST_BRIDGE 0x060000U

enum {
	REGISTER_ID = 0x00,
	REGISTER_COMMAND = 0x04,
	REGISTER_CLASS = 0x08,
	REGISTER_RANGE = 0x10,
	REGISTER_SUBSYSTEM = 0x2c,
	REGISTER_INTERRUPT = 0x3c,
};

/* Saved as it is. */
struct pci {
	uint32_t address;
	uint32_t sizing; /* a bit for each function: its range shows how long it is */
};

static const struct pci_function bridge = {
    .vendor = INTEL, .device = BRIDGE, .class = CLASS_HOST_BRIDGE};

static const struct device_option pci_options[] = {{"port", "the first of its eight ports", 0xcf8}};

static int pci_attach(struct bus *bus, struct device *device, struct error *error)
{
	return bus_claim_ports(bus, device, device->values[0], 8, error);
}

/* The function that is addressed, and the bit of it; NULL: there is none. */
static const struct pci_function *find_function(const struct device *device, uint32_t *bit)
{
	const struct pci_functions *functions = device->backing;
	const struct pci *pci = device->state;
	const uint32_t place = (pci->address & ~ADDRESS_ENABLED) >> 8; /* bus, device, function */
	const uint32_t number = place >> 3;
	*bit = number ? 1U << (number - 1) % PCI_FUNCTIONS_MAX : 0;
	if (!(pci->address & ADDRESS_ENABLED) || place & 7)
		return NULL;
	if (!number)
		return &bridge;
	return functions && number <= functions->count ? &functions->list[number - 1] : NULL;
}

static uint32_t read_register(const struct pci_function *function, uint32_t which, bool sizing)
{
	switch (which) {
	case REGISTER_ID:
		return (uint32_t)function->device << 16 | function->vendor;
	case REGISTER_COMMAND:
		return COMMAND;
	case REGISTER_CLASS:
		return function->class << 8 | function->revision;
	case REGISTER_RANGE:
		if (!function->port_count)
			return 0;
		return (sizing ? ~(function->port_count - 1U) : function->port) | RANGE_IS_PORTS;
	case REGISTER_SUBSYSTEM:
		return (uint32_t)function->subsystem << 16 | function->subsystem_vendor;
	case REGISTER_INTERRUPT:
		return function->port_count ? PIN_A << 8 | function->line : 0;
	default:
		return 0;
	}
}

/* A range that is written with ones shows its length, until it is written with something else. */
static void access_data(struct device *device, struct device_access *access)
{
	struct pci *pci = device->state;
	const uint32_t which = pci->address & 0xfc;
	uint32_t bit;
	const struct pci_function *function = find_function(device, &bit);
	if (!access->is_write && !function) {
		access->value = UINT64_MAX;
	} else if (!access->is_write) {
		const uint32_t value = read_register(function, which, pci->sizing & bit);
		access->value = value >> 8 * (access->offset - DATA);
	} else if (function && which == REGISTER_RANGE && access->size == sizeof(uint32_t)) {
		pci->sizing &= ~bit;
		pci->sizing |= (uint32_t)access->value == UINT32_MAX ? bit : 0;
	}
}

static int pci_access(struct device *device, struct slot *slot, struct device_access *access,
		      enum device_next *next, struct error *error)
{
	struct pci *pci = device->state;
	(void)slot;
	(void)next;
	(void)error;
	if (access->offset >= DATA)
		access_data(device, access);
	else if (access->offset || access->size != sizeof(uint32_t))
		access->value = UINT64_MAX;
	else if (access->is_write)
		pci->address = (uint32_t)access->value & ADDRESS_BITS;
	else
		access->value = pci->address;
	return 0;
}

static size_t pci_save(const struct device *device, uint8_t *out)
{
	memcpy(out, device->state, sizeof(struct pci));
	return sizeof(struct pci);
}

static bool pci_load(struct device *device, const uint8_t *data, size_t length)
{
	if (length != sizeof(struct pci))
		return false;
	memcpy(device->state, data, length);
	return true;
}

const struct device_kind device_pci = {
    .name = "pci",
    .options = pci_options,
    .option_count = ARRAY_SIZE(pci_options),
    .state_size = sizeof(struct pci),
    .attach = pci_attach,
    .access = pci_access,
    .save = pci_save,
    .load = pci_load,
};
