/* The device bus: interrupts, and devices that act by themselves. The devices here are the test's:
 * a controller with one line, and a device that is due at a moment or has a descriptor. */
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "check.h"
#include "monitor/devices/bus.h"
#include "monitor/slot/slot.h"
#include "util/cleanup.h"
#include "util/clock.h"

#define LINE	 3
#define VECTOR	 0x33
#define LONG_NS	 (60 * NANOSECONDS_PER_SECOND)
#define SHORT_NS 2000000ULL

/* ── devices ─────────────────────────────────────────────────────────────────────────────────── */

struct controller {
	unsigned active; /* a bit for each line */
};

static void controller_set_line(struct device *device, unsigned line, bool active)
{
	struct controller *self = device->state;
	self->active = active ? self->active | 1U << line : self->active & ~(1U << line);
}

static bool controller_pending(const struct device *device)
{
	return ((const struct controller *)device->state)->active;
}

static uint8_t controller_acknowledge(struct device *device)
{
	((struct controller *)device->state)->active = 0;
	return VECTOR;
}

static int controller_attach(struct bus *bus, struct device *device, struct error *error)
{
	const struct bus_interrupts interrupts = {
	    .device = device,
	    .set_line = controller_set_line,
	    .pending = controller_pending,
	    .acknowledge = controller_acknowledge,
	};
	(void)error;
	bus_set_interrupts(bus, &interrupts);
	return 0;
}

static const struct device_kind controller = {
    .name = "controller",
    .state_size = sizeof(struct controller),
    .attach = controller_attach,
};

/* What is behind the source: the test's. */
struct source {
	uint64_t due_ns;
	int fd; /* an eventfd, or -1 */
	bool finishes;
	unsigned served; /* how often it had something to do */
	struct bus *bus;
};

static int source_attach(struct bus *bus, struct device *device, struct error *error)
{
	struct source *source = device->backing;
	(void)error;
	source->bus = bus;
	return 0;
}

static uint64_t source_due(const struct device *device)
{
	return ((const struct source *)device->backing)->due_ns;
}

static int source_descriptor(const struct device *device)
{
	return ((const struct source *)device->backing)->fd;
}

static int source_serve(struct device *device, struct slot *slot, enum device_next *next,
			struct error *error)
{
	struct source *source = device->backing;
	uint64_t count;
	(void)slot;
	(void)error;
	const bool due = source->due_ns && clock_now_ns() >= source->due_ns;
	const bool readable =
	    source->fd >= 0 && read(source->fd, &count, sizeof(count)) == sizeof(count);
	if (!due && !readable)
		return 0;
	source->due_ns = 0;
	source->served++;
	bus_set_line(device->bus, LINE, true);
	if (source->finishes)
		*next = DEVICE_FINISHED;
	return 0;
}

static const struct device_kind source_kind = {
    .name = "source",
    .state_size = 1,
    .attach = source_attach,
    .due = source_due,
    .descriptor = source_descriptor,
    .serve = source_serve,
};

/* ── what they do ────────────────────────────────────────────────────────────────────────────── */

struct fixture {
	struct bus *bus;
	struct machine machine;
	struct slot slot;
	struct source source;
};

static void set_up(struct fixture *self, bool with_controller)
{
	struct error error = {0};
	*self = (struct fixture){.bus = bus_create(&error), .source.fd = -1};
	self->slot.machine = &self->machine;
	if (with_controller)
		CHECK_NUMBER(bus_attach_kind(self->bus, &controller, "", NULL, &error), 0);
	CHECK_NUMBER(bus_attach_kind(self->bus, &source_kind, "", &self->source, &error), 0);
	CHECK(self->source.bus == self->bus);
}

static enum device_next wait_until(struct fixture *self, uint64_t until_ns)
{
	struct error error = {0};
	enum device_next next = DEVICE_READY;
	CHECK_NUMBER(bus_wait(self->bus, &self->slot, until_ns, &next, &error), 0);
	return next;
}

static void test_lines(void)
{
	struct fixture self;
	set_up(&self, true);
	const struct kernel_interrupts processor = bus_interrupts(self.bus);
	CHECK(!processor.pending(processor.context));
	bus_set_line(self.bus, LINE, true);
	CHECK(processor.pending(processor.context));
	bus_set_line(self.bus, LINE, false);
	CHECK(!processor.pending(processor.context));
	bus_set_line(self.bus, LINE, true);
	CHECK_NUMBER(processor.acknowledge(processor.context), VECTOR);
	CHECK(!processor.pending(processor.context));
	bus_release(self.bus);
}

static void test_no_controller(void)
{
	struct fixture self;
	set_up(&self, false);
	bus_set_line(self.bus, LINE, true);
	CHECK(!bus_interrupts(self.bus).pending);
	self.source.due_ns = 1;
	CHECK(wait_until(&self, clock_now_ns() + SHORT_NS) == DEVICE_CONTINUES);
	CHECK_NUMBER(self.source.served, 1);
	bus_release(self.bus);
}

static void test_due(void)
{
	struct fixture self;
	struct source other = {.fd = -1};
	struct error error = {0};
	set_up(&self, true);
	CHECK_NUMBER(bus_attach_kind(self.bus, &source_kind, "", &other, &error), 0);
	CHECK_NUMBER(bus_due(self.bus), 0);
	CHECK(!bus_may_interrupt(self.bus));
	other.due_ns = 7;
	CHECK_NUMBER(bus_due(self.bus), 7);
	self.source.due_ns = 5;
	CHECK_NUMBER(bus_due(self.bus), 5);
	CHECK(bus_may_interrupt(self.bus));
	bus_release(self.bus);
}

/* A moment, a descriptor, and the end of the wait wake it up, and nothing else does. */
static void test_waiting(void)
{
	struct fixture self;
	const uint64_t begin_ns = clock_now_ns();
	set_up(&self, true);
	self.source.due_ns = begin_ns + SHORT_NS;
	CHECK(wait_until(&self, begin_ns + LONG_NS) == DEVICE_CONTINUES);
	CHECK(clock_now_ns() >= begin_ns + SHORT_NS);
	CHECK_NUMBER(self.source.served, 1);
	/* What is pending is waited for no longer. */
	self.source.due_ns = begin_ns + LONG_NS;
	CHECK(wait_until(&self, begin_ns + LONG_NS) == DEVICE_CONTINUES);
	CHECK_NUMBER(self.source.served, 1);

	const struct kernel_interrupts processor = bus_interrupts(self.bus);
	processor.acknowledge(processor.context);
	CHECK(wait_until(&self, clock_now_ns() + SHORT_NS) == DEVICE_CONTINUES);
	CHECK_NUMBER(self.source.served, 1);

	cleanup_close int fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
	self.source.fd = fd;
	self.source.due_ns = 0;
	self.source.finishes = true;
	CHECK(bus_may_interrupt(self.bus));
	CHECK(wait_until(&self, begin_ns + LONG_NS) == DEVICE_FINISHED);
	CHECK_NUMBER(self.source.served, 2);
	bus_release(self.bus);
}

static void test_unwanted(void)
{
	struct fixture self;
	atomic_bool unwanted = true;
	set_up(&self, true);
	self.machine.unwanted = &unwanted;
	CHECK(wait_until(&self, clock_now_ns() + LONG_NS) == DEVICE_CONTINUES);
	bus_release(self.bus);
}

static uint8_t *give_memory(struct machine *machine, uint64_t physical, uint64_t length)
{
	static uint8_t memory[16];
	(void)machine;
	return physical + length <= sizeof(memory) ? memory + physical : NULL;
}

static void test_memory(void)
{
	struct fixture self;
	struct isolation isolation = {.memory = give_memory};
	set_up(&self, false);
	self.machine.isolation = &isolation;
	CHECK(bus_memory(&self.slot, 4, 12) != NULL);
	CHECK(!bus_memory(&self.slot, 4, 13));
	isolation.memory = NULL;
	CHECK(!bus_memory(&self.slot, 4, 12));
	bus_release(self.bus);
}

int main(void)
{
	test_lines();
	test_no_controller();
	test_due();
	test_waiting();
	test_unwanted();
	test_memory();
	return check_status();
}
