/* The device `pic`: initialization, priorities, masks, both ways to end an interrupt, the second
 * controller, and lines triggered by level. */
#include "ports.h"

static struct kernel_interrupts processor;

static bool pending(void)
{
	return processor.pending(processor.context);
}

static uint8_t acknowledge(void)
{
	return processor.acknowledge(processor.context);
}

/* Vectors 0x20 and 0x28, as most kernels have them. */
static void set_up(struct ports *self)
{
	static const uint8_t words[][2] = {{0x20, 0x11}, {0xa0, 0x11}, {0x21, 0x20}, {0xa1, 0x28},
					   {0x21, 4},	 {0xa1, 2},    {0x21, 1},    {0xa1, 1}};
	ports_open(self);
	ports_attach(self, "pic");
	processor = bus_interrupts(self->bus);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		port_out(self, words[i][0], words[i][1]);
}

static void pulse(struct ports *self, unsigned line)
{
	bus_set_line(self->bus, line, true);
	bus_set_line(self->bus, line, false);
}

static void test_before(void)
{
	struct ports self;
	ports_open(&self);
	ports_attach(&self, "pic");
	processor = bus_interrupts(self.bus);
	pulse(&self, 0);
	pulse(&self, 9);
	CHECK(!pending());
	port_out(&self, 0x21, 0xfb);
	CHECK_NUMBER(port_in(&self, 0x21), 0xfb);
	CHECK(!pending());
	bus_set_line(self.bus, 99, true); /* there is none such */
	bus_release(self.bus);
}

static void test_priorities(void)
{
	struct ports self;
	set_up(&self);
	CHECK(!pending());
	pulse(&self, 4);
	CHECK(pending());
	CHECK_NUMBER(acknowledge(), 0x24);
	CHECK(!pending());
	pulse(&self, 5); /* waits for the end of 4 */
	CHECK(!pending());
	pulse(&self, 0); /* goes before it */
	CHECK(pending());
	CHECK_NUMBER(acknowledge(), 0x20);
	port_out(&self, 0x20, 0x0b);
	CHECK_NUMBER(port_in(&self, 0x20), 0x11); /* in service */
	port_out(&self, 0x20, 0x0a);
	CHECK_NUMBER(port_in(&self, 0x20), 0x20); /* requested */
	port_out(&self, 0x20, 0x20);		  /* the end of 0 */
	CHECK(!pending());
	port_out(&self, 0x20, 0x64); /* the end of 4, by name */
	CHECK(pending());
	CHECK_NUMBER(acknowledge(), 0x25);
	port_out(&self, 0x20, 0x20);
	CHECK_NUMBER(acknowledge(), 0x27); /* of nothing: the spurious one */
	bus_release(self.bus);
}

static void test_second(void)
{
	struct ports self;
	set_up(&self);
	pulse(&self, 12);
	CHECK_NUMBER(acknowledge(), 0x2c);
	pulse(&self, 13);
	CHECK(!pending());
	port_out(&self, 0xa0, 0x20);
	CHECK(!pending()); /* the first still serves its line 2 */
	port_out(&self, 0x20, 0x62);
	CHECK_NUMBER(acknowledge(), 0x2d);
	bus_release(self.bus);
}

static void test_masks(void)
{
	struct ports self;
	set_up(&self);
	port_out(&self, 0x21, 0x10);
	pulse(&self, 4);
	CHECK(!pending());
	port_out(&self, 0x21, 0);
	CHECK_NUMBER(acknowledge(), 0x24);
	port_out(&self, 0x20, 0x20);
	port_out(&self, 0x21, 0x04); /* all of the second */
	pulse(&self, 8);
	CHECK(!pending());
	bus_release(self.bus);
}

/* An edge counts once, a level as long as it lasts. */
static void test_triggers(void)
{
	struct ports self;
	set_up(&self);
	bus_set_line(self.bus, 4, true);
	CHECK_NUMBER(acknowledge(), 0x24);
	port_out(&self, 0x20, 0x20);
	bus_set_line(self.bus, 4, true);
	CHECK(!pending());
	port_out(&self, 0x4d1, 0x08); /* line 11 */
	CHECK_NUMBER(port_in(&self, 0x4d1), 0x08);
	bus_set_line(self.bus, 11, true);
	CHECK_NUMBER(acknowledge(), 0x2b);
	port_out(&self, 0xa0, 0x20);
	port_out(&self, 0x20, 0x20);
	CHECK(pending());
	bus_set_line(self.bus, 11, false);
	CHECK(!pending());
	bus_release(self.bus);
}

static void test_automatic_end(void)
{
	struct ports self;
	set_up(&self);
	static const uint8_t words[][2] = {{0x20, 0x11}, {0x21, 0x40}, {0x21, 4}, {0x21, 3}};
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		port_out(&self, words[i][0], words[i][1]);
	pulse(&self, 1);
	CHECK_NUMBER(acknowledge(), 0x41);
	pulse(&self, 6);
	CHECK_NUMBER(acknowledge(), 0x46);
	bus_release(self.bus);
}

static void test_saving(void)
{
	struct ports self;
	set_up(&self);
	pulse(&self, 4);
	acknowledge();
	pulse(&self, 6);
	port_out(&self, 0x21, 0x02);
	ports_save_and_load(&self);
	CHECK_NUMBER(port_in(&self, 0x21), 0x02);
	CHECK(!pending());
	port_out(&self, 0x20, 0x20);
	CHECK_NUMBER(acknowledge(), 0x26);
	bus_release(self.bus);
}

int main(void)
{
	test_before();
	test_priorities();
	test_second();
	test_masks();
	test_triggers();
	test_automatic_end();
	test_saving();
	return check_status();
}
