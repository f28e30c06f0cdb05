/* The device bus; see bus.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bus_internal.h"
#include "sizes/sizes.h"
#include "util/clock.h"

/* What stands before each device's state where it is saved. */
struct saved_device {
	char name[24];
	uint64_t length;
};

struct bus *bus_create(struct error *error)
{
	struct bus *bus = calloc(1, sizeof(*bus));
	if (!bus)
		error_set(error, ENOMEM, "no memory for devices");
	return bus;
}

void bus_release(struct bus *bus)
{
	if (!bus)
		return;
	for (size_t i = 0; i < bus->device_count; i++)
		free(bus->devices[i].state);
	free(bus);
}

/* ── options ─────────────────────────────────────────────────────────────────────────────────── */

static int take_option(struct device *device, const char *text, size_t length, struct error *error)
{
	const struct device_kind *kind = device->kind;
	const char *equals = memchr(text, '=', length);
	const size_t name_length = equals ? (size_t)(equals - text) : length;
	for (size_t i = 0; i < kind->option_count; i++) {
		const char *name = kind->options[i].name;
		char *end;
		if (strlen(name) != name_length || strncmp(name, text, name_length) != 0)
			continue;
		errno = 0;
		device->values[i] = equals ? strtoull(equals + 1, &end, 0) : 0;
		if (!equals || errno || end != text + length || end == equals + 1)
			return error_set(error, EINVAL,
					 "the device %s wants a number for its option %s (%s)",
					 kind->name, name, kind->options[i].meaning);
		return 0;
	}
	return error_set(error, EINVAL, "the device %s has no option '%.*s'", kind->name,
			 (int)name_length, text);
}

static int take_options(struct device *device, const char *options, struct error *error)
{
	int result = 0;
	for (size_t i = 0; i < device->kind->option_count; i++)
		device->values[i] = device->kind->options[i].usual;
	while (*options && !result) {
		const size_t length = strcspn(options, ",");
		result = take_option(device, options, length, error);
		options += length + (options[length] == ',');
	}
	return result;
}

/* ── attaching ───────────────────────────────────────────────────────────────────────────────── */

int bus_attach(struct bus *bus, const char *kind, const char *options, struct error *error)
{
	return bus_attach_backed(bus, kind, options, NULL, error);
}

int bus_attach_backed(struct bus *bus, const char *kind, const char *options, void *backing,
		      struct error *error)
{
	const struct device_kind *found = device_find(kind);
	if (!found)
		return error_set(error, ENOENT, "there is no device called '%s'", kind);
	return bus_attach_kind(bus, found, options, backing, error);
}

int bus_attach_kind(struct bus *bus, const struct device_kind *kind, const char *options,
		    void *backing, struct error *error)
{
	struct device *device = &bus->devices[bus->device_count];
	if (bus->device_count == BUS_DEVICES_MAX)
		return error_set(error, E2BIG, "more than %d devices", BUS_DEVICES_MAX);
	*device = (struct device){.kind = kind, .bus = bus, .backing = backing};
	int result = take_options(device, options, error);
	if (result)
		return result;
	device->state = calloc(1, kind->state_size);
	if (!device->state)
		return error_set(error, ENOMEM, "no memory for devices");
	bus->device_count++;
	return kind->attach(bus, device, error);
}

static int claim(struct bus *bus, const struct claim *wanted, const char *what, struct error *error)
{
	uint64_t end;
	if (!wanted->count || add_overflows(wanted->first, wanted->count, &end))
		return error_set(error, EINVAL, "the device %s cannot have %s at %#lx",
				 wanted->device->kind->name, what, wanted->first);
	for (size_t i = 0; i < bus->claim_count; i++) {
		const struct claim *other = &bus->claims[i];
		if (other->is_memory == wanted->is_memory &&
		    wanted->first < other->first + other->count && other->first < end)
			return error_set(error, EEXIST,
					 "the devices %s and %s both want %s at %#lx",
					 other->device->kind->name, wanted->device->kind->name,
					 what, wanted->first);
	}
	if (bus->claim_count == BUS_CLAIMS_MAX)
		return error_set(error, E2BIG, "the devices claim more than %d places",
				 BUS_CLAIMS_MAX);
	bus->claims[bus->claim_count++] = *wanted;
	return 0;
}

int bus_claim_ports(struct bus *bus, struct device *device, uint64_t first, uint64_t count,
		    struct error *error)
{
	const struct claim wanted = {.first = first, .count = count, .device = device};
	if (!range_within(first, count, PORTS_MAX))
		return error_set(error, EINVAL,
				 "the device %s cannot have port %#lx: give one below %#x",
				 device->kind->name, first, PORTS_MAX);
	return claim(bus, &wanted, "ports", error);
}

int bus_claim_memory(struct bus *bus, struct device *device, uint64_t first, uint64_t length,
		     struct error *error)
{
	const struct claim wanted = {
	    .is_memory = true, .first = first, .count = length, .device = device};
	return claim(bus, &wanted, "memory", error);
}

void bus_list_ports(const struct bus *bus, struct port_set *ports)
{
	for (size_t i = 0; i < bus->claim_count; i++)
		for (uint64_t k = 0; k < bus->claims[i].count && !bus->claims[i].is_memory; k++) {
			const uint64_t port = bus->claims[i].first + k;
			ports->allowed[port / 8] |= (uint8_t)(1U << port % 8);
		}
}

/* ── access ──────────────────────────────────────────────────────────────────────────────────── */

static const struct claim *find_claim(const struct bus *bus, const struct machine_exit *exit)
{
	const bool is_memory = exit->stop == MACHINE_MEMORY;
	for (size_t i = 0; i < bus->claim_count; i++) {
		const struct claim *claimed = &bus->claims[i];
		if (claimed->is_memory == is_memory && exit->access.address >= claimed->first &&
		    range_within(exit->access.address - claimed->first, exit->access.size,
				 claimed->count))
			return claimed;
	}
	return NULL;
}

int bus_access(struct bus *bus, struct slot *slot, const struct machine_exit *exit, bool *found,
	       enum device_next *next, struct error *error)
{
	const struct machine_access *wanted = &exit->access;
	const struct claim *claimed = find_claim(bus, exit);
	int result = 0;
	*next = DEVICE_CONTINUES;
	*found = claimed && wanted->size <= sizeof(uint64_t);
	/* A string instruction goes to the same place again and again. */
	for (uint32_t i = 0; *found && i < wanted->count && !result && *next == DEVICE_CONTINUES;
	     i++) {
		uint8_t *data = wanted->data + (size_t)i * wanted->size;
		struct device_access access = {
		    .offset = wanted->address - claimed->first,
		    .address = wanted->address,
		    .size = wanted->size,
		    .is_write = wanted->is_write,
		};
		if (access.is_write)
			memcpy(&access.value, data, wanted->size);
		result = claimed->device->kind->access(claimed->device, slot, &access, next, error);
		if (!access.is_write)
			memcpy(data, &access.value, wanted->size);
	}
	return result;
}

int bus_flush(struct bus *bus, struct slot *slot, enum device_next *next, struct error *error)
{
	int result = 0;
	*next = DEVICE_CONTINUES;
	for (size_t i = 0; i < bus->device_count && !result && *next == DEVICE_CONTINUES; i++) {
		struct device *device = &bus->devices[i];
		if (device->kind->flush)
			result = device->kind->flush(device, slot, next, error);
	}
	return result;
}

uint64_t bus_flush_due(const struct bus *bus)
{
	uint64_t since_ns = 0;
	for (size_t i = 0; i < bus->device_count; i++) {
		const struct device *device = &bus->devices[i];
		if (device->kind->gathered_since)
			since_ns = clock_earlier(since_ns, device->kind->gathered_since(device));
	}
	return since_ns ? since_ns + BUS_GATHER_NS : 0;
}

/* ── saving ──────────────────────────────────────────────────────────────────────────────────── */

int bus_save(const struct bus *bus, uint8_t **data, size_t *length, struct error *error)
{
	size_t room = 1;
	for (size_t i = 0; i < bus->device_count; i++)
		room += sizeof(struct saved_device) + bus->devices[i].kind->state_size;
	uint8_t *out = malloc(room);
	if (!out)
		return error_set(error, ENOMEM, "no memory for the state of devices");
	*data = out;
	*length = 0;
	for (size_t i = 0; i < bus->device_count; i++) {
		const struct device *device = &bus->devices[i];
		struct saved_device saved = {0};
		strncpy(saved.name, device->kind->name, sizeof(saved.name) - 1);
		saved.length = device->kind->save(device, out + *length + sizeof(saved));
		memcpy(out + *length, &saved, sizeof(saved));
		*length += sizeof(saved) + saved.length;
	}
	return 0;
}

static bool load_device(struct device *device, const uint8_t **data, size_t *left)
{
	struct saved_device saved;
	if (*left < sizeof(saved))
		return false;
	memcpy(&saved, *data, sizeof(saved));
	if (strncmp(saved.name, device->kind->name, sizeof(saved.name)) != 0 ||
	    !range_within(sizeof(saved), saved.length, *left) ||
	    !device->kind->load(device, *data + sizeof(saved), saved.length))
		return false;
	*data += sizeof(saved) + saved.length;
	*left -= sizeof(saved) + saved.length;
	return true;
}

void bus_drop(struct bus *bus)
{
	for (size_t i = 0; i < bus->device_count; i++) {
		struct device *device = &bus->devices[i];
		if (device->kind->drop)
			device->kind->drop(device);
	}
}

void bus_go_on(struct bus *bus)
{
	for (size_t i = 0; i < bus->device_count; i++) {
		struct device *device = &bus->devices[i];
		if (device->kind->go_on)
			device->kind->go_on(device);
	}
}

int bus_load(struct bus *bus, const uint8_t *data, size_t length, struct error *error)
{
	const bool is_fresh = !data;
	bus_drop(bus);
	for (size_t i = 0; i < bus->device_count; i++) {
		struct device *device = &bus->devices[i];
		if (is_fresh)
			memset(device->state, 0, device->kind->state_size);
		else if (!load_device(device, &data, &length))
			return error_set(error, EBADMSG,
					 "damaged: the state of the device %s is not sound",
					 device->kind->name);
	}
	if (length)
		return error_set(error, EBADMSG, "damaged: it has more devices than its guest");
	return 0;
}
