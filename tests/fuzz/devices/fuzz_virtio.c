/* What a guest sees of its virtio devices: its memory and all accesses to registers are the input's,
 * and so is a state that a snapshot brings. Each device, behind each transport; most inputs take the
 * short way to a queue that is set up, so that the bytes go into descriptors. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "monitor/devices/virtio/accel.h"
#include "monitor/devices/virtio/attach.h"
#include "monitor/devices/virtio/block.h"
#include "monitor/devices/virtio/net.h"
#include "monitor/slot/slot.h"
#include "sizes/sizes.h"
#include "tests/fuzz/fuzz_input.h"
#include "util/cleanup.h"

int LLVMFuzzerInitialize(int *count, char ***words);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The linker puts it in the place of slot_accelerate(): nobody serves (fuzz_accel.c has more). */
int __wrap_slot_accelerate(struct slot *slot, uint64_t offset, uint64_t length, bool *over);

#define MEMORY	   0x10000UL
#define MMIO	   0xd0000000UL
#define PORTS	   0x800UL
#define QUEUE_SIZE 8U
#define STEPS_MAX  300
#define DISK_SIZE  (16UL * 512)

/* Where queue `number` is when it is set up the short way; buffers begin behind the queues. */
#define QUEUE(number)	  (0x2000UL * (number))
#define AVAILABLE(number) (QUEUE(number) + 16UL * QUEUE_SIZE)
#define USED(number)	  (QUEUE(number) + 0x1000UL)
#define BUFFERS		  0x8000UL

/* ── the input ───────────────────────────────────────────────────────────────────────────────── */

static uint64_t take_value(void)
{
	static const uint64_t odd[] = {0,	   1,	       2,	  4,	       8,
				       15,	   MEMORY - 1, MEMORY,	  MEMORY - 16, UINT16_MAX,
				       UINT32_MAX, UINT64_MAX, 1UL << 63, BUFFERS,     1UL << 32};
	const uint8_t choice = take_byte();
	if (choice < ARRAY_SIZE(odd))
		return odd[choice];
	if (choice < 0x60)
		return BUFFERS + 64UL * (choice - 0x20);
	if (choice < 0xc0)
		return take_byte();
	uint64_t value = 0;
	for (int i = 0; i < 8; i++)
		value |= (uint64_t)take_byte() << 8 * i;
	return value;
}

/* ── the machine ─────────────────────────────────────────────────────────────────────────────── */

/* On the heap, so that the sanitizer sees both ends of it. */
static uint8_t *memory;

static uint8_t *find_memory(struct machine *machine, uint64_t physical, uint64_t length)
{
	(void)machine;
	return range_within(physical, length, MEMORY) ? memory + physical : NULL;
}

static const struct isolation isolation_played = {.name = "played", .memory = find_memory};
static struct window window = {.memfd = -1};
static struct virtio_disk disk = {.fd = -1, .size = DISK_SIZE, .block_size = 512};

int __wrap_slot_accelerate(struct slot *slot, uint64_t offset, uint64_t length, bool *over)
{
	(void)slot;
	(void)offset;
	(void)length;
	*over = false;
	return -EIO;
}

static int respond(void *context, const void *data, size_t length, uint64_t deadline_ns)
{
	(void)context;
	(void)data;
	(void)length;
	(void)deadline_ns;
	return 0;
}

struct guest {
	struct machine machine;
	struct slot slot;
	struct request request;
	struct request_result result;
	struct bus *bus;
	struct virtio_devices devices;
	struct virtio_net_link net;
	struct network_link *ends[2];
	enum virtio_transport transport;
	uint16_t offered[2];
};

static void add_device(struct guest *guest, uint8_t which)
{
	static const struct virtio_kind *const kinds[] = {
	    &virtio_block, &virtio_net, &virtio_console, &virtio_rng, &virtio_accel};
	void *const backings[] = {&disk, &guest->net, NULL, NULL,
				  (void *)accel_layout_find("v0.2")};
	struct error error = {0};
	which %= ARRAY_SIZE(kinds);
	if (kinds[which] == &virtio_net)
		check(!network_loop_open(guest->ends, &error));
	guest->net.link = guest->ends[0];
	check(!virtio_devices_add(&guest->devices, kinds[which], backings[which], &error));
}

static void make_guest(struct guest *guest)
{
	char parameters[VIRTIO_PARAMETERS_SIZE];
	struct error error = {0};
	const uint8_t choice = take_byte();
	*guest = (struct guest){.machine.isolation = &isolation_played,
				.transport = choice & 0x80 ? VIRTIO_PCI : VIRTIO_MMIO};
	guest->request =
	    (struct request){.data = "what is asked", .length = 13, .fd = -1, .respond = respond};
	guest->slot = (struct slot){.deadline_ns = UINT64_MAX,
				    .machine = &guest->machine,
				    .window = window,
				    .request = &guest->request,
				    .result = &guest->result};
	disk.limit.operations = choice & 0x40 ? 1000 : 0;
	guest->net.limit = disk.limit;
	disk.read_only = choice & 0x20;
	guest->bus = bus_create(&error);
	check(guest->bus != NULL);
	add_device(guest, choice);
	check(
	    !virtio_attach_all(guest->bus, &guest->devices, guest->transport, parameters, &error));
	memset(memory, 0, MEMORY);
}

static void release_guest(struct guest *guest)
{
	bus_release(guest->bus);
	network_link_release(guest->ends[0]);
	network_link_release(guest->ends[1]);
}

/* ── what it does ────────────────────────────────────────────────────────────────────────────── */

static void do_access(struct guest *guest, uint64_t offset, uint32_t size, bool is_write,
		      uint64_t value)
{
	struct error error = {0};
	bool found;
	enum device_next next;
	const bool is_port = guest->transport == VIRTIO_PCI;
	const struct machine_exit exit = {.stop = is_port ? MACHINE_PORT : MACHINE_MEMORY,
					  .access = {.address = (is_port ? PORTS : MMIO) + offset,
						     .size = size,
						     .count = 1,
						     .is_write = is_write,
						     .data = (uint8_t *)&value}};
	check(!bus_access(guest->bus, &guest->slot, &exit, &found, &next, &error));
}

static void set_up_queue(struct guest *guest, unsigned number)
{
	const uint64_t registers[][2] = {{0x30, number},	{0x38, QUEUE_SIZE},
					 {0x80, QUEUE(number)}, {0x90, AVAILABLE(number)},
					 {0xa0, USED(number)},	{0x44, 1}};
	for (size_t i = 0; i < ARRAY_SIZE(registers); i++)
		do_access(guest, registers[i][0], 4, true, registers[i][1]);
	guest->offered[number] = 0;
}

static void set_up(struct guest *guest)
{
	/* Event indices, and indirect tables. */
	const uint8_t choice = take_byte();
	const uint32_t features = (choice & 1U) << 29 | (choice & 2U) << 27;
	if (guest->transport == VIRTIO_PCI) {
		do_access(guest, 4, 4, true, features);
		do_access(guest, 0x0e, 2, true, 0);
		do_access(guest, 8, 4, true, 1);
		do_access(guest, 0x12, 1, true, 7);
		return;
	}
	const uint64_t registers[][2] = {{0x70, 0}, {0x70, 3}, {0x24, 0}, {0x20, features},
					 {0x24, 1}, {0x20, 1}, {0x70, 11}};
	for (size_t i = 0; i < ARRAY_SIZE(registers); i++)
		do_access(guest, registers[i][0], 4, true, registers[i][1]);
	set_up_queue(guest, 0);
	set_up_queue(guest, 1);
	do_access(guest, 0x70, 4, true, 15);
}

/* Of a queue, or of the table that one of its descriptors may have behind it. */
static void write_descriptor(void)
{
	struct {
		uint64_t address;
		uint32_t length;
		uint16_t flags, next;
	} descriptor = {take_value(), (uint32_t)take_value(), take_byte() & 15, take_byte() % 9};
	const uint8_t where = take_byte();
	const uint64_t begin = where & 0x40 ? BUFFERS : QUEUE(where >> 7);
	/* Most lengths are those of no table. */
	if (descriptor.flags & 8)
		descriptor = (typeof(descriptor)){BUFFERS, 16 * (1 + descriptor.length % 16), 4, 0};
	memcpy(memory + begin + 16UL * (where % QUEUE_SIZE), &descriptor, sizeof(descriptor));
}

static void offer(struct guest *guest, bool notifies)
{
	const uint8_t choice = take_byte();
	const unsigned queue = choice >> 7;
	const uint16_t head = choice % (QUEUE_SIZE + 1);
	const uint16_t entry = guest->offered[queue]++ % QUEUE_SIZE;
	memcpy(memory + AVAILABLE(queue) + 4 + 2UL * entry, &head, sizeof(head));
	memcpy(memory + AVAILABLE(queue) + 2, &guest->offered[queue], sizeof(uint16_t));
	if (notifies)
		do_access(guest, guest->transport == VIRTIO_PCI ? 0x10 : 0x50,
			  guest->transport == VIRTIO_PCI ? 2 : 4, true, queue);
}

static void write_memory(void)
{
	const uint64_t at = take_value() % MEMORY;
	const uint64_t length = 1 + take_byte() % 64U;
	for (uint64_t i = 0; i < length && at + i < MEMORY; i++)
		memory[at + i] = take_byte();
}

static void send_to_guest(struct guest *guest)
{
	uint8_t frame[256] = {0};
	if (guest->ends[1])
		network_link_send(guest->ends[1], frame, take_byte());
}

static void serve(struct guest *guest)
{
	struct error error = {0};
	enum device_next next;
	bus_due(guest->bus);
	bus_may_interrupt(guest->bus);
	check(!bus_serve(guest->bus, &guest->slot, &next, &error));
	check(!bus_flush(guest->bus, &guest->slot, &next, &error));
}

/* A clone, of a state that is as it was or not. */
static void save_and_load(struct guest *guest)
{
	struct error error = {0};
	cleanup_free uint8_t *data = NULL;
	size_t length;
	check(!bus_save(guest->bus, &data, &length, &error));
	check(!bus_load(guest->bus, data, length, &error));
	const uint8_t changes = take_byte() % 16;
	for (uint8_t i = 0; i < changes; i++) {
		const size_t at = (size_t)take_byte() << 2 | take_byte() % 4U;
		data[at % length] = take_byte();
	}
	const int result = bus_load(guest->bus, data, length, &error);
	check(!result || (result == -EBADMSG && changes));
}

static void step(struct guest *guest)
{
	static const uint32_t sizes[] = {1, 2, 4, 8};
	const uint8_t what = take_byte();
	if (what < 0x30)
		write_descriptor();
	else if (what < 0x60)
		offer(guest, what & 1);
	else if (what < 0x80)
		write_memory();
	else if (what < 0xa0) /* any access */
		do_access(guest, take_byte() * 2U & 0xfff, sizes[what % 4], what & 16,
			  take_value());
	else if (what < 0xc0) /* a register of a transport */
		do_access(guest, take_byte() & 0xfcU, 4, true, take_value());
	else if (what < 0xd0)
		serve(guest);
	else if (what < 0xe0)
		send_to_guest(guest);
	else if (what < 0xe8)
		save_and_load(guest);
	else if (what < 0xf0)
		set_up(guest);
	else
		offer(guest, true);
}

int LLVMFuzzerInitialize(int *count, char ***words)
{
	struct error error = {0};
	(void)count;
	(void)words;
	memory = malloc(MEMORY);
	disk.fd = memfd_create("disk", MFD_CLOEXEC);
	check(memory && disk.fd >= 0 && !ftruncate(disk.fd, DISK_SIZE));
	check(!window_create(&window, &error));
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct guest guest;
	begin_input(data, size);
	make_guest(&guest);
	if (!(take_byte() & 1))
		set_up(&guest);
	for (int i = 0; i < STEPS_MAX && has_input(); i++)
		step(&guest);
	release_guest(&guest);
	return 0;
}
