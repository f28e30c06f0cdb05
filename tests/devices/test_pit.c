/* The device `pit`: when its interrupts come, what its counts are, and channel 2 as kernels measure
 * their processor by it. Nothing here depends on how long something takes. */
#include <poll.h>

#include "ports.h"
#include "util/clock.h"

#define LONG_NS	    (60 * NANOSECONDS_PER_SECOND)
#define COUNT_1_MS  1193U
#define COUNT_NS(n) ((n)*838ULL) /* rounded down */

static struct kernel_interrupts processor;

static void set_up(struct ports *self)
{
	static const uint8_t words[][2] = {{0x20, 0x11}, {0x21, 0x20}, {0x21, 4}, {0x21, 1}};
	ports_open(self);
	ports_attach(self, "pic");
	ports_attach(self, "pit");
	processor = bus_interrupts(self->bus);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		port_out(self, words[i][0], words[i][1]);
}

static void program(struct ports *self, unsigned channel, uint8_t mode, unsigned count)
{
	port_out(self, 0x43, (uint8_t)(channel << 6 | 0x30 | mode << 1));
	port_out(self, 0x40 + channel, (uint8_t)count);
	port_out(self, 0x40 + channel, (uint8_t)(count >> 8));
}

static void wait_for_it(struct ports *self, uint64_t until_ns)
{
	struct error error = {0};
	enum device_next next;
	CHECK_NUMBER(bus_wait(self->bus, &self->slot, until_ns, &next, &error), 0);
}

/* Comes once, and not before its time. */
static void test_once(uint8_t mode)
{
	struct ports self;
	set_up(&self);
	CHECK_NUMBER(bus_due(self.bus), 0);
	const uint64_t begin_ns = clock_now_ns();
	program(&self, 0, mode, COUNT_1_MS);
	CHECK(bus_due(self.bus) >= begin_ns + COUNT_NS(COUNT_1_MS));
	wait_for_it(&self, begin_ns + LONG_NS);
	CHECK(clock_now_ns() >= begin_ns + COUNT_NS(COUNT_1_MS));
	CHECK(processor.pending(processor.context));
	CHECK_NUMBER(processor.acknowledge(processor.context), 0x20);
	port_out(&self, 0x20, 0x20);
	CHECK_NUMBER(bus_due(self.bus), 0);
	wait_for_it(&self, clock_now_ns() + 2 * COUNT_NS(COUNT_1_MS));
	CHECK(!processor.pending(processor.context));
	/* A new count begins anew. */
	port_out(&self, 0x40, 0);
	port_out(&self, 0x40, 0);
	CHECK(bus_due(self.bus) >= clock_now_ns());
	bus_release(self.bus);
}

static void test_again(uint8_t mode)
{
	struct ports self;
	set_up(&self);
	const uint64_t begin_ns = clock_now_ns();
	program(&self, 0, mode, COUNT_1_MS);
	for (unsigned i = 1; i <= 5; i++) {
		wait_for_it(&self, begin_ns + LONG_NS);
		CHECK(clock_now_ns() >= begin_ns + i * COUNT_NS(COUNT_1_MS));
		CHECK_NUMBER(processor.acknowledge(processor.context), 0x20);
		port_out(&self, 0x20, 0x20);
		CHECK(bus_due(self.bus) > begin_ns);
	}
	bus_release(self.bus);
}

static unsigned read_count(struct ports *self, unsigned channel)
{
	port_out(self, 0x43, (uint8_t)(channel << 6));
	const unsigned low = port_in(self, 0x40 + channel);
	return low | (unsigned)port_in(self, 0x40 + channel) << 8;
}

static void test_counts(void)
{
	struct ports self;
	set_up(&self);
	program(&self, 0, 2, 40000);
	const unsigned first = read_count(&self, 0);
	CHECK(first >= 1 && first <= 40000);
	/* What is latched stays, whatever the time. */
	port_out(&self, 0x43, 0x00);
	const uint8_t low = port_in(&self, 0x40);
	port_out(&self, 0x43, 0x00);
	const uint8_t high = port_in(&self, 0x40);
	CHECK((high << 8 | low) <= 40000);
	/* One byte of it only. */
	port_out(&self, 0x43, 0x14);
	port_out(&self, 0x40, 200);
	for (int i = 0; i < 50; i++)
		CHECK(port_in(&self, 0x40) <= 200);
	port_out(&self, 0x43, 0x24);
	port_out(&self, 0x40, 2);
	for (int i = 0; i < 50; i++)
		CHECK(port_in(&self, 0x40) <= 2);
	bus_release(self.bus);
}

static void test_read_back(void)
{
	struct ports self;
	set_up(&self);
	program(&self, 0, 3, 0);
	port_out(&self, 0x43, 0xe2); /* the status of channel 0 */
	CHECK_NUMBER(port_in(&self, 0x40) & 0x7f, 0x36);
	port_out(&self, 0x43, 0x34); /* mode 2, and no count yet */
	port_out(&self, 0x43, 0xe2);
	CHECK_NUMBER(port_in(&self, 0x40) & 0x7f, 0x74);
	CHECK_NUMBER(bus_due(self.bus), 0);
	program(&self, 0, 2, 1000);
	port_out(&self, 0x43, 0xc2); /* both */
	CHECK_NUMBER(port_in(&self, 0x40) & 0x7f, 0x34);
	const unsigned low = port_in(&self, 0x40);
	CHECK((low | (unsigned)port_in(&self, 0x40) << 8) <= 1000);
	CHECK_NUMBER(port_in(&self, 0x43), 0xff);
	bus_release(self.bus);
}

/* As kernels measure their processor: open the gate, count down, watch the output. */
static void test_gate(void)
{
	struct ports self;
	set_up(&self);
	port_out(&self, 0x61, 1);
	CHECK_NUMBER(port_in(&self, 0x61) & 3, 1);
	const uint64_t begin_ns = clock_now_ns();
	program(&self, 2, 0, COUNT_1_MS);
	while (!(port_in(&self, 0x61) & 0x20) && clock_now_ns() < begin_ns + LONG_NS)
		;
	CHECK(port_in(&self, 0x61) & 0x20);
	CHECK(clock_now_ns() >= begin_ns + COUNT_NS(COUNT_1_MS));
	CHECK_NUMBER(bus_due(self.bus), 0); /* it has no interrupt */
	/* Closed, it stands still. */
	program(&self, 2, 0, 60000);
	port_out(&self, 0x61, 0);
	const unsigned first = read_count(&self, 2);
	poll(NULL, 0, 2);
	CHECK_NUMBER(read_count(&self, 2), first);
	CHECK(!(port_in(&self, 0x61) & 0x20));
	bus_release(self.bus);
}

/* What was left of a count is left of it afterwards. */
static void test_saving(void)
{
	struct ports self;
	set_up(&self);
	program(&self, 0, 4, 0xffff);
	const uint64_t due_ns = bus_due(self.bus);
	ports_save_and_load(&self);
	CHECK(bus_due(self.bus) >= due_ns);
	CHECK(bus_due(self.bus) <= clock_now_ns() + COUNT_NS(0x10000) + NANOSECONDS_PER_SECOND);
	program(&self, 0, 2, COUNT_1_MS);
	wait_for_it(&self, clock_now_ns() + LONG_NS);
	ports_save_and_load(&self);
	CHECK(bus_due(self.bus) != 0);
	bus_release(self.bus);
}

/* A count that has run several times over before anybody looked has expired once, and can be saved. */
static void test_saving_late(void)
{
	struct ports self;
	set_up(&self);
	program(&self, 0, 0, 1);
	const uint64_t late_ns = clock_now_ns() + 10 * COUNT_NS(2);
	while (clock_now_ns() < late_ns)
		;
	wait_for_it(&self, late_ns);
	CHECK(processor.pending(processor.context));
	ports_save_and_load(&self);
	CHECK(processor.pending(processor.context));
	CHECK_NUMBER(bus_due(self.bus), 0);
	bus_release(self.bus);
}

int main(void)
{
	test_once(0);
	test_once(4);
	test_again(2);
	test_again(3);
	test_counts();
	test_read_back();
	test_gate();
	test_saving();
	test_saving_late();
	return check_status();
}
