/* Accesses to ports of a bus, one byte or word at a time, for tests of devices. */
#ifndef MAYFLY_TESTS_PORTS_H
#define MAYFLY_TESTS_PORTS_H

#include <errno.h>
#include <stdlib.h>

#include "check.h"
#include "monitor/devices/bus.h"
#include "monitor/slot/slot.h"

/* A bus, and a slot whose request says nothing. */
struct ports {
	struct bus *bus;
	struct slot slot;
	struct machine machine;
	struct request request;
	struct request_result result;
	enum device_next next; /* of the last access */
};

static inline void ports_open(struct ports *self)
{
	struct error error = {0};
	*self = (struct ports){.request.fd = -1, .slot.window.memfd = -1};
	self->bus = bus_create(&error);
	self->slot.bus = self->bus;
	self->slot.name = "it";
	self->slot.machine = &self->machine;
	self->slot.request = &self->request;
	self->slot.result = &self->result;
}

static inline void ports_attach(struct ports *self, const char *kind)
{
	struct error error = {0};
	if (!CHECK_NUMBER(bus_attach(self->bus, kind, "", &error), 0))
		fprintf(stderr, "  %s\n", error.text);
}

static inline uint64_t ports_access(struct ports *self, uint64_t port, uint32_t size, bool is_write,
				    uint64_t value)
{
	struct error error = {0};
	bool found = false;
	const struct machine_exit exit = {
	    .stop = MACHINE_PORT,
	    .access = {.address = port,
		       .size = size,
		       .count = 1,
		       .is_write = is_write,
		       .data = (uint8_t *)&value},
	};
	CHECK_NUMBER(bus_access(self->bus, &self->slot, &exit, &found, &self->next, &error), 0);
	CHECK(found);
	return value;
}

static inline void port_out(struct ports *self, uint64_t port, uint8_t value)
{
	ports_access(self, port, 1, true, value);
}

static inline uint8_t port_in(struct ports *self, uint64_t port)
{
	return (uint8_t)ports_access(self, port, 1, false, 0);
}

/* The state of all devices in one piece, taken away and brought back. Saved states that are changed
 * or cut off are refused, or do no harm. */
static inline void ports_save_and_load(struct ports *self)
{
	struct error error = {0};
	uint8_t *data = NULL;
	size_t length = 0;
	if (!CHECK_NUMBER(bus_save(self->bus, &data, &length, &error), 0))
		return;
	for (size_t cut = 0; cut < length; cut++)
		CHECK_NUMBER(bus_load(self->bus, data, cut, &error), -EBADMSG);
	for (size_t i = 0; i < length; i++) {
		enum device_next next;
		data[i] ^= 0xff;
		int result = bus_load(self->bus, data, length, &error);
		CHECK(!result || result == -EBADMSG);
		if (!result)
			CHECK_NUMBER(bus_serve(self->bus, &self->slot, &next, &error), 0);
		data[i] ^= 0xff;
	}
	CHECK_NUMBER(bus_load(self->bus, data, length, &error), 0);
	free(data);
}

#endif
