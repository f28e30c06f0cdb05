/* The device bus: who is behind which port or address, options, and saved states. */
#include <errno.h>
#include <stdlib.h>

#include "check.h"
#include "monitor/devices/bus.h"
#include "monitor/slot/slot.h"
#include "util/cleanup.h"

#define RTC 0x70

static void expect_refusal(const char *kind, const char *options, int code, const char *words)
{
	struct error error = {0};
	struct bus *bus = bus_create(&error);
	if (CHECK(bus != NULL)) {
		CHECK_NUMBER(bus_attach(bus, "power", "", &error), 0);
		if (!CHECK_NUMBER(bus_attach(bus, kind, options, &error), -code) ||
		    !CHECK(strstr(error.text, words)))
			fprintf(stderr, "  %s %s: %s\n", kind, options, error.text);
	}
	bus_release(bus);
}

static void test_refusals(void)
{
	expect_refusal("teapot", "", ENOENT, "no device called 'teapot'");
	expect_refusal("rtc", "irq=8", EINVAL, "no option 'irq'");
	expect_refusal("rtc", "port", EINVAL, "wants a number for its option port");
	expect_refusal("rtc", "port=", EINVAL, "wants a number");
	expect_refusal("rtc", "port=0x70x", EINVAL, "wants a number");
	expect_refusal("rtc", "port=99999999999999999999", EINVAL, "wants a number");
	expect_refusal("rtc", "port=0xfff", EINVAL, "give one below 0x1000");
	expect_refusal("rtc", "port=0xffffffffffffffff", EINVAL, "give one below 0x1000");
	expect_refusal("rtc", "port=0x502", EEXIST, "power and rtc both want ports at 0x502");
	expect_refusal("power", "", EEXIST, "power and power both want ports");
	expect_refusal("console", "memory=0xffffffffffffffff", EINVAL, "cannot have memory");
}

static void test_too_many(void)
{
	struct error error = {0};
	struct bus *bus = bus_create(&error);
	for (int i = 0; i < BUS_DEVICES_MAX; i++) {
		char options[32];
		snprintf(options, sizeof(options), "port=%d", 16 * (i + 1));
		CHECK_NUMBER(bus_attach(bus, "rtc", options, &error), 0);
	}
	CHECK_NUMBER(bus_attach(bus, "rtc", "port=0x800", &error), -E2BIG);
	bus_release(bus);
}

static void test_ports(void)
{
	struct error error = {0};
	struct port_set ports = {{0}};
	struct bus *bus = bus_create(&error);
	CHECK_NUMBER(bus_attach(bus, "rtc", "port=7", &error), 0);
	CHECK_NUMBER(bus_attach(bus, "console", "memory=0x1000,port=0", &error), 0);
	bus_list_ports(bus, &ports);
	for (size_t i = 0; i < sizeof(ports.allowed); i++)
		CHECK_NUMBER(ports.allowed[i], i == 0 ? 0x80 : i == 1 ? 1 : 0);
	bus_release(bus);
}

/* Accesses `count` times `size` bytes at `data`. True where there is a device. */
static bool do_access(struct bus *bus, struct slot *slot, enum machine_stop stop, uint64_t address,
		      bool is_write, uint32_t size, uint32_t count, void *data)
{
	struct error error = {0};
	bool found = false;
	enum device_next next;
	const struct machine_exit exit = {
	    .stop = stop,
	    .access = {.address = address,
		       .size = size,
		       .count = count,
		       .is_write = is_write,
		       .data = data},
	};
	CHECK_NUMBER(bus_access(bus, slot, &exit, &found, &next, &error), 0);
	CHECK(next == DEVICE_CONTINUES);
	return found;
}

static void rtc_write(struct bus *bus, uint8_t which, uint8_t value)
{
	CHECK(do_access(bus, NULL, MACHINE_PORT, RTC, true, 1, 1, &which));
	CHECK(do_access(bus, NULL, MACHINE_PORT, RTC + 1, true, 1, 1, &value));
}

static uint8_t rtc_read(struct bus *bus, uint8_t which)
{
	uint8_t value = 0xee;
	CHECK(do_access(bus, NULL, MACHINE_PORT, RTC, true, 1, 1, &which));
	CHECK(do_access(bus, NULL, MACHINE_PORT, RTC + 1, false, 1, 1, &value));
	return value;
}

static void test_saved_states(void)
{
	struct error error = {0};
	cleanup_free uint8_t *data = NULL;
	size_t length = 0;
	struct bus *bus = bus_create(&error);
	CHECK_NUMBER(bus_attach(bus, "power", "", &error), 0);
	CHECK_NUMBER(bus_attach(bus, "rtc", "", &error), 0);
	CHECK_NUMBER(rtc_read(bus, 64), 0);
	rtc_write(bus, 64, 0x5a);
	rtc_write(bus, 4, 0x5a); /* the time cannot be set */
	CHECK(rtc_read(bus, 4) != 0x5a);
	CHECK_NUMBER(rtc_read(bus, 10) & 0x80, 0);
	CHECK_NUMBER(bus_save(bus, &data, &length, &error), 0);
	rtc_write(bus, 64, 1);
	CHECK_NUMBER(bus_load(bus, data, length, &error), 0);
	CHECK_NUMBER(rtc_read(bus, 64), 0x5a);
	CHECK_NUMBER(bus_load(bus, NULL, 0, &error), 0);
	CHECK_NUMBER(rtc_read(bus, 64), 0);

	/* What is cut off is refused, and what is changed does no harm. */
	for (size_t cut = 0; cut < length; cut++)
		CHECK_NUMBER(bus_load(bus, data, cut, &error), -EBADMSG);
	for (size_t i = 0; i < length; i++) {
		data[i] ^= 0x80;
		const int result = bus_load(bus, data, length, &error);
		CHECK(!result || result == -EBADMSG);
		data[i] ^= 0x80;
	}
	struct bus *other = bus_create(&error);
	CHECK_NUMBER(bus_attach(other, "rtc", "", &error), 0);
	CHECK_NUMBER(bus_load(other, data, length, &error), -EBADMSG);
	bus_release(other);
	bus_release(bus);
}

struct heard {
	char text[64];
	size_t length;
};

static int respond(void *context, const void *data, size_t length, uint64_t deadline_ns)
{
	struct heard *heard = context;
	(void)deadline_ns;
	if (!CHECK(length <= sizeof(heard->text) - heard->length))
		return 0;
	memcpy(heard->text + heard->length, data, length);
	heard->length += length;
	return 0;
}

/* A device at ports and in memory, strings, and what no device has all of. */
static void test_console(void)
{
	struct error error = {0};
	struct heard heard = {0};
	struct request_result result = {0};
	struct slot slot = {.result = &result, .window.memfd = -1};
	const struct request request = {
	    .data = "ab", .length = 2, .fd = -1, .respond = respond, .context = &heard};
	struct bus *bus = bus_create(&error);
	uint64_t data = 0;
	char text[] = "text", mark[] = "!";
	enum device_next next;
	slot.request = &request;
	CHECK_NUMBER(window_create(&slot.window, &error), 0);
	CHECK_NUMBER(bus_attach(bus, "console", "memory=0xd0000000", &error), 0);
	CHECK(do_access(bus, &slot, MACHINE_PORT, 0xe9, true, 1, 4, text));
	CHECK(do_access(bus, &slot, MACHINE_MEMORY, 0xd0000000, true, 1, 1, mark));
	CHECK_NUMBER(heard.length, 0);
	CHECK_NUMBER(bus_flush(bus, &slot, &next, &error), 0);
	CHECK(heard.length == 5 && !memcmp(heard.text, "text!", 5));
	CHECK(do_access(bus, &slot, MACHINE_MEMORY, 0xd0000001, false, 1, 1, &data));
	CHECK_NUMBER(data, 1);
	CHECK(do_access(bus, &slot, MACHINE_PORT, 0xe9, false, 1, 2, text));
	CHECK(!memcmp(text, "abxt", 4)); /* the rest is as it was */
	CHECK(do_access(bus, &slot, MACHINE_PORT, 0xea, false, 1, 1, &data));
	CHECK_NUMBER(data, 0);
	/* Beyond its end, over it, and in the other space. */
	CHECK(!do_access(bus, &slot, MACHINE_PORT, 0xeb, true, 1, 1, text));
	CHECK(!do_access(bus, &slot, MACHINE_PORT, 0xea, true, 2, 1, text));
	CHECK(!do_access(bus, &slot, MACHINE_PORT, 0xe8, true, 2, 1, text));
	CHECK(!do_access(bus, &slot, MACHINE_PORT, 0xd0000000, true, 1, 1, text));
	CHECK(!do_access(bus, &slot, MACHINE_MEMORY, 0xe9, true, 1, 1, text));
	CHECK(!do_access(bus, &slot, MACHINE_MEMORY, UINT64_MAX, true, 8, 1, &data));
	window_release(&slot.window);
	bus_release(bus);
}

int main(void)
{
	test_refusals();
	test_too_many();
	test_ports();
	test_saved_states();
	test_console();
	return check_status();
}
