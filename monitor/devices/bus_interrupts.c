/* Interrupts: from the devices through the controller, which is one of them, to the processor; see
 * bus.h. */
#include "bus_internal.h"

void bus_set_interrupts(struct bus *bus, const struct bus_interrupts *interrupts)
{
	bus->interrupts = *interrupts;
}

void bus_set_line(struct bus *bus, unsigned line, bool active)
{
	if (bus->interrupts.device)
		bus->interrupts.set_line(bus->interrupts.device, line, active);
}

static bool controller_pending(void *context)
{
	const struct bus *bus = context;
	return bus->interrupts.pending(bus->interrupts.device);
}

static uint8_t controller_acknowledge(void *context)
{
	const struct bus *bus = context;
	return bus->interrupts.acknowledge(bus->interrupts.device);
}

struct kernel_interrupts bus_interrupts(struct bus *bus)
{
	if (!bus->interrupts.device)
		return (struct kernel_interrupts){0};
	return (struct kernel_interrupts){
	    .pending = controller_pending,
	    .acknowledge = controller_acknowledge,
	    .context = bus,
	};
}
