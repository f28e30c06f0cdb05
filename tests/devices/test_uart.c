/* The device `uart`: response and request, its registers, interrupts and loop; and what else a PC has
 * that ends a request. */
#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "ports.h"
#include "util/cleanup.h"
#include "util/clock.h"

#define UART 0x3f8

struct heard {
	char text[8192];
	size_t length, parts;
};

static int respond(void *context, const void *data, size_t length, uint64_t deadline_ns)
{
	struct heard *heard = context;
	(void)deadline_ns;
	heard->parts++;
	if (!CHECK(length <= sizeof(heard->text) - heard->length))
		return 0;
	memcpy(heard->text + heard->length, data, length);
	heard->length += length;
	return 0;
}

static void take_log(void *context, const void *data, size_t length, uint64_t deadline_ns)
{
	respond(context, data, length, deadline_ns);
}

static struct kernel_interrupts processor;

static void set_up(struct ports *self, struct heard *heard, const char *request)
{
	static const uint8_t words[][2] = {{0x20, 0x11}, {0x21, 0x20}, {0x21, 4}, {0x21, 1}};
	struct error error = {0};
	ports_open(self);
	ports_attach(self, "pic");
	ports_attach(self, "uart");
	self->request.respond = respond;
	self->request.context = heard;
	self->request.data = request;
	self->request.length = strlen(request);
	processor = bus_interrupts(self->bus);
	CHECK_NUMBER(window_create(&self->slot.window, &error), 0);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		port_out(self, words[i][0], words[i][1]);
}

static void tear_down(struct ports *self)
{
	window_release(&self->slot.window);
	bus_release(self->bus);
}

static void send_text(struct ports *self, const char *text)
{
	for (; *text; text++) {
		CHECK_NUMBER(port_in(self, UART + 5) & 0x60, 0x60);
		port_out(self, UART, (uint8_t)*text);
	}
}

static void test_response(void)
{
	struct error error = {0};
	struct heard heard = {0};
	struct ports self;
	set_up(&self, &heard, "");
	send_text(&self, "o\nw\nmore");
	CHECK_NUMBER(heard.length, 2);
	CHECK_NUMBER(bus_flush(self.bus, &self.slot, &self.next, &error), 0);
	CHECK(heard.length == 8 && !memcmp(heard.text, "o\nw\nmore", 8));
	for (int i = 0; i < 5000; i++)
		port_out(&self, UART, 'x');
	CHECK(heard.parts == 3 && heard.length > 4000);
	CHECK_NUMBER(bus_flush(self.bus, &self.slot, &self.next, &error), 0);
	CHECK_NUMBER(heard.length, 5008);

	heard.length = 0;
	self.request.unbuffered = true;
	send_text(&self, "a line\nand");
	CHECK(heard.length == 7);
	/* Whoever waits for input has its words handed on. */
	for (int i = 0; i < 16; i++)
		port_in(&self, UART + 5);
	CHECK(heard.length == 10);
	CHECK(self.next == DEVICE_CONTINUES);
	tear_down(&self);
}

/* Where the response comes by a network, only the first line is there at once, too: one of the log's. */
static void test_log(void)
{
	struct error error = {0};
	struct heard heard = {0};
	struct ports self;
	set_up(&self, &heard, "");
	self.request.log = take_log;
	slot_make_console_log(&self.slot);
	for (size_t parts = 1; parts <= 3; parts += 2) {
		send_text(&self, "one\ntwo\nthree\n");
		CHECK_NUMBER(heard.parts, parts);
		CHECK_NUMBER(bus_flush(self.bus, &self.slot, &self.next, &error), 0);
		CHECK_NUMBER(heard.parts, parts + 1);
		bus_go_on(self.bus);
	}
	CHECK_NUMBER(heard.length, 28);
	tear_down(&self);
}

static void test_limit(void)
{
	struct error error = {0};
	struct heard heard = {0};
	struct ports self;
	set_up(&self, &heard, "");
	self.request.response_limit = 2;
	send_text(&self, "abc");
	CHECK_NUMBER(bus_flush(self.bus, &self.slot, &self.next, &error), 0);
	CHECK(self.next == DEVICE_FINISHED);
	CHECK_NUMBER(heard.length, 2);
	CHECK_NUMBER(self.result.status, SIGXFSZ);
	tear_down(&self);
}

static void test_request(void)
{
	struct heard heard = {0};
	struct ports self;
	char got[8] = {0};
	set_up(&self, &heard, "hello");
	for (size_t i = 0; port_in(&self, UART + 5) & 1 && i < sizeof(got) - 1; i++)
		got[i] = (char)port_in(&self, UART);
	CHECK_TEXT(got, "hello");
	CHECK_NUMBER(port_in(&self, UART), 0);
	CHECK_NUMBER(port_in(&self, UART + 5) & 1, 0);
	tear_down(&self);
}

/* From a pipe: nothing is waited for, and what comes later interrupts. */
static void test_descriptor(void)
{
	struct error error = {0};
	struct heard heard = {0};
	struct ports self;
	int ends[2];
	set_up(&self, &heard, "");
	if (!CHECK(!pipe(ends)))
		return;
	self.request.fd = ends[0];
	CHECK_NUMBER(port_in(&self, UART + 5) & 1, 0);
	CHECK(!bus_may_interrupt(self.bus));
	port_out(&self, UART + 1, 1);
	CHECK(bus_may_interrupt(self.bus));
	CHECK(!processor.pending(processor.context));
	CHECK(write(ends[1], "ab", 2) == 2);
	CHECK_NUMBER(bus_wait(self.bus, &self.slot, UINT64_MAX, &self.next, &error), 0);
	CHECK_NUMBER(processor.acknowledge(processor.context), 0x24);
	CHECK_NUMBER(port_in(&self, UART + 2), 4);
	CHECK_NUMBER(port_in(&self, UART), 'a');
	CHECK_NUMBER(port_in(&self, UART), 'b');
	CHECK_NUMBER(port_in(&self, UART + 2), 1);
	close(ends[1]);
	port_in(&self, UART + 5);
	CHECK(!bus_may_interrupt(self.bus)); /* it is over */
	close(ends[0]);
	tear_down(&self);
}

/* A set-up has no request, and is over where the guest waits for it. */
static void test_setup(void)
{
	struct heard heard = {0};
	struct ports self;
	struct setup setup = {0};
	set_up(&self, &heard, "later");
	self.slot.setup = &setup;
	for (int i = 0; i < 15; i++) {
		CHECK_NUMBER(port_in(&self, UART + 5) & 1, 0);
		CHECK(self.next == DEVICE_CONTINUES);
	}
	port_out(&self, UART, '>');
	for (int i = 0; i < 16; i++) {
		CHECK(self.next == DEVICE_CONTINUES);
		CHECK_NUMBER(port_in(&self, UART + 5) & 1, 0);
	}
	CHECK(self.next == DEVICE_READY);
	CHECK(setup.output.length == 1);
	setup_output_release(&setup.output);
	tear_down(&self);
}

static void test_sent(void)
{
	struct heard heard = {0};
	struct ports self;
	set_up(&self, &heard, "");
	port_out(&self, UART + 1, 2);
	CHECK(processor.pending(processor.context));
	CHECK_NUMBER(processor.acknowledge(processor.context), 0x24);
	CHECK_NUMBER(port_in(&self, UART + 2), 2);
	port_out(&self, 0x20, 0x20);
	CHECK(!processor.pending(processor.context));
	CHECK_NUMBER(port_in(&self, UART + 2), 1);
	port_out(&self, UART, 'x');
	CHECK(processor.pending(processor.context));
	tear_down(&self);
}

/* What drivers look for before they believe that there is a 16550A. */
static void test_registers(void)
{
	struct heard heard = {0};
	struct ports self;
	set_up(&self, &heard, "");
	port_out(&self, UART + 7, 0xa5);
	CHECK_NUMBER(port_in(&self, UART + 7), 0xa5);
	port_out(&self, UART + 1, 0xff);
	CHECK_NUMBER(port_in(&self, UART + 1), 0x0f);
	port_out(&self, UART + 1, 0);
	port_out(&self, UART + 3, 0x83);
	port_out(&self, UART, 1);
	port_out(&self, UART + 1, 2);
	CHECK_NUMBER(port_in(&self, UART), 1);
	CHECK_NUMBER(port_in(&self, UART + 1), 2);
	port_out(&self, UART + 3, 3);
	CHECK_NUMBER(port_in(&self, UART + 3), 3);
	CHECK_NUMBER(port_in(&self, UART + 1), 0);
	port_out(&self, UART + 2, 1);
	CHECK_NUMBER(port_in(&self, UART + 2), 0xc1);
	CHECK_NUMBER(port_in(&self, UART + 6), 0xb0);
	port_out(&self, UART + 4, 0x1a);
	CHECK_NUMBER(port_in(&self, UART + 4), 0x1a);
	CHECK_NUMBER(port_in(&self, UART + 6) & 0xf0, 0x90);
	port_out(&self, UART, 'q');
	CHECK_NUMBER(port_in(&self, UART + 5) & 1, 1);
	ports_save_and_load(&self);
	CHECK_NUMBER(port_in(&self, UART), 'q');
	CHECK_NUMBER(port_in(&self, UART + 5) & 1, 0);
	CHECK_NUMBER(heard.length, 0);
	tear_down(&self);
}

static void expect_end(const char *kind, uint64_t port, uint32_t size, uint64_t value,
		       enum outcome outcome, int status)
{
	struct ports self;
	ports_open(&self);
	ports_attach(&self, kind);
	ports_access(&self, port, size, true, 0);
	CHECK(self.next == DEVICE_CONTINUES);
	ports_access(&self, port, size, true, value);
	CHECK(self.next == DEVICE_FINISHED);
	CHECK_NUMBER(self.result.outcome, outcome);
	CHECK_NUMBER(self.result.status, status);
	CHECK((outcome == OUTCOME_CRASHED) == (self.result.report[0] != 0));
	ports_access(&self, port, size, false, 0);
	CHECK(self.next == DEVICE_CONTINUES);
	bus_release(self.bus);
}

static void test_ends(void)
{
	expect_end("i8042", 0x64, 1, 0xfe, OUTCOME_EXITED, 0);
	expect_end("acpi-power", 0x604, 2, 0x2000, OUTCOME_EXITED, 0);
	expect_end("acpi-power", 0x604, 2, 0x3400, OUTCOME_EXITED, 0);
	expect_end("acpi-power", 0x605, 1, 0x20, OUTCOME_EXITED, 0);
	expect_end("pvpanic", 0x505, 1, 1, OUTCOME_CRASHED, SIGABRT);

	static const struct {
		uint64_t value;
		enum outcome outcome;
		int status;
	} exits[] = {{41, OUTCOME_EXITED, 0},
		     {42, OUTCOME_CRASHED, SIGABRT},
		     {0, OUTCOME_EXITED, 1},
		     {3, OUTCOME_EXITED, 7}};
	for (size_t i = 0; i < sizeof(exits) / sizeof(exits[0]); i++) {
		struct ports self;
		ports_open(&self);
		ports_attach(&self, "debug-exit");
		ports_access(&self, 0x501, 2, true, exits[i].value);
		CHECK(self.next == DEVICE_FINISHED);
		CHECK_NUMBER(self.result.outcome, exits[i].outcome);
		CHECK_NUMBER(self.result.status, exits[i].status);
		bus_release(self.bus);
	}
}

/* What is gathered is due from its first byte on, and no more once it was handed on. */
static void test_gathering(void)
{
	struct ports self;
	struct heard heard = {0};
	struct error error = {0};
	enum device_next next;
	set_up(&self, &heard, "");
	CHECK_NUMBER(bus_flush_due(self.bus), 0);
	const uint64_t before_ns = clock_now_ns();
	send_text(&self, "a");
	const uint64_t due_ns = bus_flush_due(self.bus);
	CHECK(due_ns >= before_ns + BUS_GATHER_NS && due_ns <= clock_now_ns() + BUS_GATHER_NS);
	send_text(&self, "bc");
	CHECK(bus_flush_due(self.bus) == due_ns && !heard.parts);
	CHECK_NUMBER(bus_flush(self.bus, &self.slot, &next, &error), 0);
	CHECK_NUMBER(bus_flush_due(self.bus), 0);
	CHECK_TEXT(heard.text, "abc");
	tear_down(&self);
}

int main(void)
{
	test_response();
	test_log();
	test_gathering();
	test_limit();
	test_request();
	test_descriptor();
	test_setup();
	test_sent();
	test_registers();
	test_ends();
	return check_status();
}
