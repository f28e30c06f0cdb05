/* Drivers for virtio devices, by the transport that the guest finds: memory that its command line
 * names, or PCI with the legacy interface. There is one device, on line 5 or any; its queue is polled
 * after each interrupt. */
#include "virtio.h"

#define BLOCK  2
#define NINE_P 9
#define VENDOR 0x1af4

#define INDIRECT_TABLES (1U << 28) /* the feature */

static volatile struct queue queue;
static volatile struct descriptor table[TABLE_SIZE];
static uint8_t message[PAGE], data[2 * PAGE];

/* ── finding it ──────────────────────────────────────────────────────────────────────────────── */

static void set(const struct device *device, uint32_t offset, uint64_t value)
{
	*(volatile uint32_t *)(device->memory + offset) = (uint32_t)value;
}

static uint32_t get(const struct device *device, uint32_t offset)
{
	return *(volatile uint32_t *)(device->memory + offset);
}

/* The number behind the first '@' of the command line; 0: there is none. */
static uint64_t find_address(const struct told *told)
{
	uint64_t address = 0, i = 0;
	while (i < told->line_length && told->line[i] != '@')
		i++;
	for (i += 3; i < told->line_length; i++) {
		const char digit = told->line[i];
		if (digit >= '0' && digit <= '9')
			address = address << 4 | (uint64_t)(digit - '0');
		else if (digit >= 'a' && digit <= 'f')
			address = address << 4 | (uint64_t)(digit - 'a' + 10);
		else
			break;
	}
	return address;
}

static uint32_t read_pci(unsigned number, unsigned which)
{
	out32(0xcf8, 0x80000000U | number << 11 | which);
	return in32(0xcfc);
}

static int find(struct device *device, const struct told *told, uint32_t id)
{
	*device = (struct device){.memory = find_address(told)};
	if (device->memory)
		return get(device, 8) == id;
	if ((read_pci(1, 0) & 0xffff) != VENDOR || read_pci(1, 0x2c) >> 16 != id)
		return 0;
	device->port = read_pci(1, 0x10) & 0xfffc;
	return 1;
}

static void begin_in_memory(const struct device *device, volatile struct queue *queues,
			    unsigned count)
{
	set(device, 0x70, 0);
	set(device, 0x70, 3);
	set(device, 0x24, 0);
	set(device, 0x20, INDIRECT_TABLES);
	set(device, 0x24, 1);
	set(device, 0x20, 1); /* version 1 */
	set(device, 0x70, 11);
	for (unsigned i = 0; i < count; i++) {
		set(device, 0x30, i);
		set(device, 0x38, QUEUE_SIZE);
		set(device, 0x80, (uint64_t)queues[i].descriptors);
		set(device, 0x90, (uint64_t)&queues[i].available);
		set(device, 0xa0, (uint64_t)&queues[i].used);
		set(device, 0x44, 1);
	}
	set(device, 0x70, 15);
}

static void begin_behind_ports(const struct device *device, volatile struct queue *queues,
			       unsigned count)
{
	out8(device->port + 0x12, 0);
	out8(device->port + 0x12, 3);
	out32(device->port + 4, INDIRECT_TABLES);
	for (unsigned i = 0; i < count; i++) {
		out16(device->port + 0xe, i);
		out32(device->port + 8, (uint32_t)((uint64_t)&queues[i] / PAGE));
	}
	out8(device->port + 0x12, 7);
}

int begin_queues(struct device *device, const struct told *told, uint32_t id,
		 volatile struct queue *queues, unsigned count)
{
	if (!find(device, told, id)) {
		say("no device\n");
		return 0;
	}
	set_up_interrupts(told);
	if (device->memory)
		begin_in_memory(device, queues, count);
	else
		begin_behind_ports(device, queues, count);
	return 1;
}

int begin(struct device *device, const struct told *told, uint32_t id)
{
	return begin_queues(device, told, id, &queue, 1);
}

/* ── using it ────────────────────────────────────────────────────────────────────────────────── */

static void fill(volatile struct descriptor *descriptors, unsigned number, const volatile void *at,
		 uint32_t length, uint16_t flags)
{
	descriptors[number].address = (uint64_t)at;
	descriptors[number].length = length;
	descriptors[number].flags = flags;
	descriptors[number].next = (uint16_t)(number + 1);
}

void describe(unsigned number, const volatile void *at, uint32_t length, uint16_t flags)
{
	fill(queue.descriptors, number, at, length, flags);
}

void describe_in_table(unsigned number, const volatile void *at, uint32_t length, uint16_t flags)
{
	fill(table, number, at, length, flags);
}

void notify(const struct device *device, uint16_t number)
{
	if (device->memory)
		set(device, 0x50, number);
	else
		out16(device->port + 0x10, number);
}

void acknowledge(const struct device *device)
{
	if (device->memory)
		set(device, 0x64, get(device, 0x60));
	else
		in8(device->port + 0x13);
}

uint32_t use(const struct device *device)
{
	const uint16_t index = queue.available.index;
	queue.available.heads[index % QUEUE_SIZE] = 0;
	queue.available.index = (uint16_t)(index + 1);
	notify(device, 0);
	while (queue.used.index == index)
		__asm__ volatile("sti; hlt; cli" : : : "memory");
	acknowledge(device);
	return queue.used.entries[index % QUEUE_SIZE].length;
}

uint32_t use_table(const struct device *device, unsigned count)
{
	describe(0, table, count * sizeof(*table), INDIRECT);
	return use(device);
}

void say_text(const uint8_t *text, uint64_t length)
{
	while (length--)
		put((char)*text++);
}

/* Says "ready", reads a disk's first two sectors, and says of the second as much as the first has
 * in its first number: of a disk that has the request behind it, that is the request. */
void do_disk(const struct told *told)
{
	static volatile uint64_t header[2];
	static volatile uint8_t status = 0xff;
	struct device device;
	if (!begin(&device, told, BLOCK))
		return;
	say("ready\n");
	describe(0, header, sizeof(header), NEXT);
	describe(1, data, 1024, NEXT | WRITE);
	describe(2, &status, 1, WRITE);
	if (use(&device) == 1025 && !status)
		say_text(data + 512, *(uint64_t *)data);
}

/* The same by a table of more descriptors than the queue has: two bytes of the sectors in each. */
void do_disk_by_table(const struct told *told)
{
	static volatile uint64_t header[2];
	static volatile uint8_t status = 0xff;
	struct device device;
	unsigned last = 1;
	if (!begin(&device, told, BLOCK))
		return;
	say("ready\n");
	describe_in_table(0, header, sizeof(header), NEXT);
	for (unsigned i = 0; i < 1024; i += 2)
		describe_in_table(last++, data + i, 2, NEXT | WRITE);
	describe_in_table(last++, &status, 1, WRITE);
	if (use_table(&device, last) == 1025 && !status)
		say_text(data + 512, *(uint64_t *)data);
}

/* ── files, by 9P ────────────────────────────────────────────────────────────────────────────── */

static uint32_t message_length;

static void add(uint64_t value, unsigned size)
{
	for (unsigned i = 0; i < size; i++)
		message[message_length++] = (uint8_t)(value >> 8 * i);
}

static void add_text(const char *text)
{
	const uint32_t place = message_length;
	add(0, 2);
	while (*text)
		add((uint8_t)*text++, 1);
	message[place] = (uint8_t)(message_length - place - 2);
}

static void begin_message(uint8_t type)
{
	message_length = 4;
	add(type, 1);
	add(1, 2);
}

/* True where the answer is the one to the message. */
static int send(const struct device *device)
{
	*(uint32_t *)message = message_length;
	describe(0, message, message_length, NEXT);
	describe(1, data, sizeof(data), WRITE);
	return use(device) >= 7 && data[4] == message[4] + 1;
}

static int attach(const struct device *device)
{
	begin_message(100);
	add(PAGE, 4);
	add_text("9P2000.L");
	if (!send(device))
		return 0;
	begin_message(104);
	add(1, 4);
	add(UINT32_MAX, 4);
	add_text("");
	add_text("");
	add(0, 4);
	return send(device);
}

static int open(const struct device *device, const char *folder, const char *name)
{
	begin_message(110);
	add(1, 4);
	add(2, 4);
	add(2, 2);
	add_text(folder);
	add_text(name);
	if (!send(device))
		return 0;
	begin_message(12);
	add(2, 4);
	add(0, 4);
	return send(device);
}

/* Says what is in the file etc/greeting. */
void do_files(const struct told *told)
{
	struct device device;
	if (!begin(&device, told, NINE_P))
		return;
	if (!attach(&device) || !open(&device, "etc", "greeting")) {
		say("no file\n");
		return;
	}
	begin_message(116);
	add(2, 4);
	add(0, 8);
	add(1000, 4);
	if (send(&device))
		say_text(data + 11, *(uint32_t *)(data + 7));
}
