/* What one request did to its devices the next one does not find: all devices of a PC are used and
 * misused, and are then, with the state of the snapshot, as those of a slot that served nothing. */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "check.h"
#include "monitor/devices/bus_internal.h"
#include "monitor/devices/virtio/nine_p_codec.h"
#include "monitor/devices/virtio/vsock_connections.h"
#include "monitor/guests/pc/devices.h"
#include "monitor/network/user.h"
#include "sizes/sizes.h"
#include "tests/devices/bus_reach.h"
#include "util/clock.h"

#define MEMORY_SIZE  0x100000UL
#define QUEUE_SIZE   8U
#define DISK_SIZE    65536
#define ACCESSES     20000
#define LONG_REQUEST (4UL << 20)
#define DEVICE(n)    (0xd0000000UL + 0x1000UL * (n))
#define QUEUE(n, q)  (0x10000UL * ((n) + 1) + 0x1000UL * (q))
#define AVAILABLE    0x400UL
#define USED	     0x800UL
#define BUFFERS(n)   (0x10000UL * ((n) + 1) + 0x8000UL)
#define NEXT	     1U
#define WRITE	     2U

/* In the order in which the guest has them. */
enum { DISK, REQUEST, LAN, WEB, FILES, RANDOM, VSOCK, DEVICES };
static const unsigned queue_counts[DEVICES] = {1, 1, 2, 2, 1, 1, 3};

struct test {
	struct guest_pc guest;
	struct vsock_host host;
	struct sockaddr_un address; /* of the host's callers */
	struct root_client *files;
	int lan; /* the other end of that network */
	struct pc_devices *devices;
	struct slot slot;
	struct machine machine;
	struct request request;
	struct request_result result;
	uint16_t offered[DEVICES][3];
	uint8_t memory[MEMORY_SIZE];
};

static char disk[] = "/tmp/test-next-request-XXXXXX";
static char directory[] = "/tmp/test-next-request-XXXXXX";

/* ── a machine, without a processor ──────────────────────────────────────────────────────────── */

static uint8_t *find_memory(struct machine *machine, uint64_t physical, uint64_t length)
{
	struct test *test = (struct test *)((uint8_t *)machine - offsetof(struct test, machine));
	return range_within(physical, length, MEMORY_SIZE) ? test->memory + physical : NULL;
}

static const struct isolation isolation = {.name = "test", .memory = find_memory};

static int respond(void *context, const void *data, size_t length, uint64_t deadline_ns)
{
	(void)context;
	(void)data;
	(void)length;
	(void)deadline_ns;
	return 0;
}

static void take_log(void *context, const void *data, size_t length, uint64_t deadline_ns)
{
	respond(context, data, length, deadline_ns);
}

static void listen_somewhere(struct test *test)
{
	struct sockaddr *address = (struct sockaddr *)&test->address;
	socklen_t length = sizeof(test->address);
	test->address.sun_family = AF_UNIX;
	test->host.context_id = 3;
	test->host.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	CHECK_NUMBER(bind(test->host.listener, address, sizeof(sa_family_t)), 0);
	CHECK_NUMBER(getsockname(test->host.listener, address, &length), 0);
	CHECK_NUMBER(listen(test->host.listener, 8), 0);
}

static bool give_devices(struct test *test)
{
	struct error error = {0};
	char block[64], net[32], mount[64];
	int ends[2];
	CHECK(!socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends));
	test->lan = ends[1];
	snprintf(block, sizeof(block), "block:disk=%s", disk);
	snprintf(net, sizeof(net), "net:lan=@%d", ends[0]);
	snprintf(mount, sizeof(mount), "9p:fs0=%s", directory);
	const char *const texts[] = {block,
				     "block-limit:disk=1k,1",
				     "block:in=@request",
				     net,
				     "net-limit:lan=1k",
				     "net:web=http",
				     mount,
				     NULL};
	const struct guest_options options = {.devices = texts};
	const bool given =
	    !virtio_given_open(&test->guest.given, texts, &error) &&
	    !virtio_given_open_files(&test->guest.given, &options, &test->files, &error);
	if (!CHECK(given))
		fprintf(stderr, "  %s\n", error.text);
	return given;
}

static struct test *begin(void)
{
	struct error error = {0};
	char parameters[VIRTIO_PARAMETERS_SIZE];
	struct test *test = calloc(1, sizeof(*test));
	if (!test || !give_devices(test))
		abort();
	listen_somewhere(test);
	test->guest.has_randomness = true;
	test->guest.vsock = &test->host;
	test->machine.isolation = &isolation;
	test->request = (struct request){.fd = -1,
					 .data = calloc(1, LONG_REQUEST),
					 .length = LONG_REQUEST,
					 .respond = respond,
					 .log = take_log};
	test->slot = (struct slot){.deadline_ns = clock_now_ns() + 600 * NANOSECONDS_PER_SECOND,
				   .machine = &test->machine,
				   .request = &test->request,
				   .result = &test->result,
				   .window.memfd = -1};
	CHECK_NUMBER(window_create(&test->slot.window, &error), 0);
	test->slot.bus = pc_devices_create(&test->guest, &test->devices, parameters, &error);
	if (!CHECK(test->slot.bus != NULL))
		abort();
	CHECK_NUMBER(test->devices->virtio.count, DEVICES);
	return test;
}

static void end(struct test *test)
{
	pc_devices_release(test->slot.bus, test->devices);
	window_release(&test->slot.window);
	virtio_given_release(&test->guest.given);
	root_client_close(test->files);
	close(test->host.listener);
	close(test->lan);
	free((void *)test->request.data);
	free(test);
}

static uint64_t do_access(struct test *test, enum machine_stop stop, uint64_t address,
			  uint32_t size, bool is_write, uint64_t value)
{
	bus_reach(test->slot.bus, &test->slot, stop, address, size, is_write, &value);
	return value;
}

static void port_write(struct test *test, uint64_t port, uint8_t value)
{
	do_access(test, MACHINE_PORT, port, 1, true, value);
}

static uint8_t port_read(struct test *test, uint64_t port)
{
	return (uint8_t)do_access(test, MACHINE_PORT, port, 1, false, 0);
}

/* ── drivers ─────────────────────────────────────────────────────────────────────────────────── */

static void set(struct test *test, unsigned device, uint64_t offset, uint64_t value)
{
	do_access(test, MACHINE_MEMORY, DEVICE(device) + offset, 4, true, value);
}

static void set_up(struct test *test, unsigned device)
{
	set(test, device, 0x70, 0);
	set(test, device, 0x70, 1 | 2);
	set(test, device, 0x24, 1);
	set(test, device, 0x20, 1); /* VIRTIO_F_VERSION_1 */
	set(test, device, 0x70, 1 | 2 | 8);
	for (unsigned i = 0; i < queue_counts[device]; i++) {
		set(test, device, 0x30, i);
		set(test, device, 0x38, QUEUE_SIZE);
		set(test, device, 0x80, QUEUE(device, i));
		set(test, device, 0x90, QUEUE(device, i) + AVAILABLE);
		set(test, device, 0xa0, QUEUE(device, i) + USED);
		set(test, device, 0x44, 1);
	}
	set(test, device, 0x70, 1 | 2 | 8 | 4);
}

static void describe(struct test *test, unsigned device, unsigned queue, unsigned number,
		     uint64_t address, uint32_t length, uint16_t flags)
{
	const struct {
		uint64_t address;
		uint32_t length;
		uint16_t flags, next;
	} descriptor = {address, length, flags, (uint16_t)(number + 1)};
	memcpy(test->memory + QUEUE(device, queue) + 16UL * number, &descriptor, 16);
}

static void offer(struct test *test, unsigned device, unsigned queue, uint16_t head)
{
	uint8_t *available = test->memory + QUEUE(device, queue) + AVAILABLE;
	uint16_t *offered = &test->offered[device][queue];
	memcpy(available + 4 + 2UL * (*offered % QUEUE_SIZE), &head, sizeof(head));
	(*offered)++;
	memcpy(available + 2, offered, sizeof(*offered));
}

static uint16_t used(const struct test *test, unsigned device, unsigned queue)
{
	uint16_t count;
	memcpy(&count, test->memory + QUEUE(device, queue) + USED + 2, sizeof(count));
	return count;
}

static void serve(struct test *test)
{
	struct error error = {0};
	enum device_next next;
	CHECK_NUMBER(bus_serve(test->slot.bus, &test->slot, &next, &error), 0);
}

/* ── a request's traces ──────────────────────────────────────────────────────────────────────── */

/* A transfer of one sector. */
static void use_block(struct test *test, unsigned device, bool is_write)
{
	const uint64_t at = BUFFERS(device);
	memset(test->memory + at, 0, 16);
	test->memory[at] = is_write;
	describe(test, device, 0, 0, at, 16, NEXT);
	describe(test, device, 0, 1, at + 512, 512, is_write ? NEXT : NEXT | WRITE);
	describe(test, device, 0, 2, at + 16, 1, WRITE);
	offer(test, device, 0, 0);
	set(test, device, 0x50, 0);
}

/* Frames in both directions; a network with a server begins its connection by itself. */
static void use_net(struct test *test, unsigned device)
{
	memset(test->memory + BUFFERS(device), 0xff, 128);
	describe(test, device, 1, 0, BUFFERS(device), 12 + 64, 0);
	offer(test, device, 1, 0);
	set(test, device, 0x50, 1);
	describe(test, device, 0, 0, BUFFERS(device) + 2048, 2048, WRITE);
	offer(test, device, 0, 0);
	set(test, device, 0x50, 0);
}

static void use_files(struct test *test)
{
	struct nine_p_writer message = {.bytes = test->memory + BUFFERS(FILES), .room = 100};
	nine_p_put(&message, 21, 4);
	nine_p_put(&message, 100, 1);
	nine_p_put(&message, 0, 2);
	nine_p_put(&message, 8192, 4);
	nine_p_put_text(&message, "9P2000.L", 8);
	describe(test, FILES, 0, 0, BUFFERS(FILES), 21, NEXT);
	describe(test, FILES, 0, 1, BUFFERS(FILES) + 0x1000, 0x1000, WRITE);
	offer(test, FILES, 0, 0);
	set(test, FILES, 0x50, 0);
	CHECK_NUMBER(used(test, FILES, 0), 1);
}

static int use_vsock(struct test *test)
{
	const int caller = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK(!connect(caller, (struct sockaddr *)&test->address, sizeof(sa_family_t) + 6));
	CHECK_NUMBER(write(caller, "CONNECT 5\n", 10), 10);
	describe(test, VSOCK, 0, 0, BUFFERS(VSOCK), 4096, WRITE);
	offer(test, VSOCK, 0, 0);
	serve(test);
	CHECK_NUMBER(used(test, VSOCK, 0), 1);
	return caller;
}

/* Anything, anywhere; the same each time. */
static void misuse_all(struct test *test)
{
	const struct bus *bus = test->slot.bus;
	uint64_t number = 1;
	for (unsigned i = 0; i < ACCESSES; i++) {
		number = number * 6364136223846793005UL + 1442695040888963407UL;
		const struct claim *claim = &bus->claims[(number >> 33) % bus->claim_count];
		const uint64_t first = claim->first + (number >> 20) % claim->count;
		const uint32_t size = claim->is_memory ? 4 : 1U << (number >> 18) % 3;
		do_access(test, claim->is_memory ? MACHINE_MEMORY : MACHINE_PORT, first, size,
			  number >> 17 & 1, number >> 40);
	}
}

static int leave_traces(struct test *test)
{
	use_block(test, DISK, true);
	use_block(test, REQUEST, false);
	CHECK_NUMBER(used(test, REQUEST, 0), 1);
	CHECK_NUMBER(test->devices->links.request.length, LONG_REQUEST);
	CHECK_NUMBER(write(test->lan, test->memory, 64), 64);
	use_net(test, LAN);
	use_net(test, WEB);
	CHECK(((struct user_link *)test->devices->links.list[1].link)->phase == USER_DIALLING);
	use_files(test);
	const int caller = use_vsock(test);
	misuse_all(test);
	return caller;
}

/* ── what is left of them ────────────────────────────────────────────────────────────────────── */

static void compare_web(const struct test *used, const struct test *fresh)
{
	const struct user_link *one = (struct user_link *)used->devices->links.list[1].link;
	const struct user_link *other = (struct user_link *)fresh->devices->links.list[1].link;
	CHECK(one->phase == other->phase && one->port == other->port);
	CHECK(one->is_held == other->is_held);
	CHECK(one->dial_again_ns == other->dial_again_ns &&
	      one->request_again_ns == other->request_again_ns);
	CHECK(one->request_next == other->request_next &&
	      one->request_length == other->request_length);
	CHECK(one->request_begun == other->request_begun &&
	      one->request_last == other->request_last);
	CHECK(check_same_bytes(&one->stack.peer, &other->stack.peer, sizeof(one->stack.peer)));
	CHECK(check_same_bytes(&one->stack.tcp, &other->stack.tcp, offsetof(struct tcp, out)));
	CHECK(!one->stack.tcp.out.count && !one->stack.tcp.in.count && !one->stack.reply_count);
	CHECK(one->stack.ask_again_ns == other->stack.ask_again_ns);
}

static void compare_vsock(const struct test *used, const struct test *fresh)
{
	const struct vsock *one = used->devices->vsock, *other = fresh->devices->vsock;
	for (size_t i = 0; i < VSOCK_CONNECTIONS_MAX; i++)
		CHECK(one->connections[i].phase == VSOCK_FREE && !one->connections[i].waiting);
	CHECK(one->next_port == other->next_port && one->next_turn == other->next_turn);
	CHECK_NUMBER(one->reset_count, 0);
}

/* Its state has moments; what a guest can see of it is compared instead. */
static void compare_timer(struct test *used, struct test *fresh)
{
	/* One of its bits changes all the time. */
	CHECK_NUMBER(port_read(used, 0x61) & ~0x10, port_read(fresh, 0x61) & ~0x10);
	port_write(used, 0x43, 0xee);
	port_write(fresh, 0x43, 0xee);
	for (uint64_t port = 0x40; port < 0x43; port++)
		CHECK_NUMBER(port_read(used, port), port_read(fresh, port));
}

static void compare_states(const struct test *used, const struct test *fresh)
{
	const struct bus *one = used->slot.bus, *other = fresh->slot.bus;
	CHECK_NUMBER(one->device_count, other->device_count);
	for (size_t i = 0; i < one->device_count; i++) {
		const struct device *device = &one->devices[i];
		if (strcmp(device->kind->name, "pit") != 0 &&
		    !CHECK(check_same_bytes(device->state, other->devices[i].state,
					    device->kind->state_size)))
			fprintf(stderr, "  device %zu: %s\n", i, device->kind->name);
	}
}

/* Without waiting for the next request. */
static void check_ends(struct test *test, int caller)
{
	char text[64];
	const ssize_t got = recv(caller, text, sizeof(text), MSG_DONTWAIT);
	CHECK(!got || (got < 0 && errno == ECONNRESET));
	CHECK_NUMBER(test->devices->links.request.length, 0);
	CHECK(test->devices->links.request.room <= REQUEST_DISK_KEPT);
}

static void test_traces(void)
{
	struct error error = {0};
	uint8_t *saved;
	size_t length;
	struct test *used = begin(), *fresh = begin();
	for (unsigned i = 0; i < DEVICES; i++)
		set_up(used, i);
	port_write(used, 0x70, 64);
	port_write(used, 0x71, 0x5a);
	CHECK_NUMBER(bus_save(used->slot.bus, &saved, &length, &error), 0);
	for (int i = 0; i < 3; i++) {
		memset(used->memory, 0, MEMORY_SIZE);
		memset(used->offered, 0, sizeof(used->offered));
		used->slot.consumed = 0;
		CHECK_NUMBER(bus_load(used->slot.bus, saved, length, &error), 0);
		const int caller = leave_traces(used);
		bus_drop(used->slot.bus);
		check_ends(used, caller);
		close(caller);
		CHECK_NUMBER(write(used->lan, used->memory, 64), 64);
		/* The last time without a snapshot, as where each request begins afresh. */
		const uint8_t *state = i < 2 ? saved : NULL;
		const size_t state_length = state ? length : 0;
		CHECK_NUMBER(bus_load(used->slot.bus, state, state_length, &error), 0);
		CHECK_NUMBER(bus_load(fresh->slot.bus, state, state_length, &error), 0);
		compare_states(used, fresh);
		compare_web(used, fresh);
		compare_vsock(used, fresh);
		compare_timer(used, fresh);
		uint8_t frame[64];
		CHECK_NUMBER(
		    network_link_receive(used->devices->links.list[0].link, frame, sizeof(frame)),
		    0);
		CHECK(!state || port_read(used, 0x71) == 0x5a);
	}
	free(saved);
	end(used);
	end(fresh);
}

/* The request's next byte by the serial port; 0: there is none. */
static char read_uart(struct test *test)
{
	return port_read(test, 0x3fd) & 1 ? (char)port_read(test, 0x3f8) : 0;
}

static void check_disk(struct test *test, const char *request)
{
	uint64_t length;
	use_block(test, REQUEST, false);
	memcpy(&length, test->memory + BUFFERS(REQUEST) + 512, sizeof(length));
	CHECK_NUMBER(length, strlen(request));
}

/* The machine goes on, and one of its devices is asked for the request. */
static void ask(struct test *test, size_t served, const char *text, bool by_disk)
{
	struct error error = {0};
	enum guest_next next = GUEST_CONTINUES;
	struct request request = test->request;
	request.data = text;
	request.length = strlen(text);
	test->slot.request = &request;
	test->slot.consumed = 0;
	test->slot.served = served;
	if (served)
		CHECK_NUMBER(pc_go_on(&test->slot, &next, &error), 0);
	if (by_disk)
		check_disk(test, text);
	else
		CHECK_NUMBER(read_uart(test), *text); /* and leaves the rest */
	test->slot.request = &test->request;
}

/* It finds that, and nothing of the one before. */
static void test_same_machine(void)
{
	static const char *const requests[] = {"one", "the second", "3"};
	struct test *disk_test = begin(), *port_test = begin();
	disk_test->slot.own = disk_test->devices;
	port_test->slot.own = port_test->devices;
	set_up(disk_test, REQUEST);
	for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
		ask(disk_test, i, requests[i], true);
		ask(port_test, i, requests[i], false);
	}
	end(disk_test);
	end(port_test);
}

int main(void)
{
	const int fd = mkstemp(disk);
	CHECK(fd >= 0 && !ftruncate(fd, DISK_SIZE) && mkdtemp(directory));
	test_traces();
	test_same_machine();
	close(fd);
	unlink(disk);
	rmdir(directory);
	return check_status();
}
