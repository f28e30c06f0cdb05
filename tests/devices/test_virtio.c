/* Virtio queues and transports: how a device is found and set up, what is done with queues that are
 * not sound, interrupts, and saved states. The device is the one for randomness, which takes any
 * chain. */
#include <errno.h>

#include "check.h"
#include "util/cleanup.h"
#include "virtio_rig.h"

#define LENGTH 16U

static struct rig *ready_rig(uint64_t features)
{
	struct rig *rig = rig_create(&virtio_rng, NULL, VIRTIO_MMIO);
	rig_set_up(rig, features, 1);
	return rig;
}

/* Offers a buffer in descriptor `head`, and has the device look. */
static void ask(struct rig *rig, uint16_t head)
{
	rig_describe(rig, 0, head, RIG_DATA + 0x100UL * head, LENGTH, WRITE, 0);
	rig_offer(rig, 0, head);
	rig_notify(rig, 0);
}

/* ── transports ──────────────────────────────────────────────────────────────────────────────── */

static void test_registers(void)
{
	struct rig *rig = rig_create(&virtio_rng, NULL, VIRTIO_MMIO);
	CHECK_TEXT(rig->parameters, "virtio_mmio.device=4K@0xd0000000:5");
	CHECK_NUMBER(mmio_read(rig, 0x00), 0x74726976);
	CHECK_NUMBER(mmio_read(rig, 0x04), 2);
	CHECK_NUMBER(mmio_read(rig, 0x08), VIRTIO_ID_RNG);
	CHECK_NUMBER(mmio_read(rig, 0x34), VIRTIO_QUEUE_SIZE_MAX);
	mmio_write(rig, 0x30, 1); /* there is one queue only */
	CHECK_NUMBER(mmio_read(rig, 0x34), 0);
	mmio_write(rig, 0x14, 1);
	CHECK_NUMBER(mmio_read(rig, 0x10), 1); /* version 1 */
	mmio_write(rig, 0x14, 2);
	CHECK_NUMBER(mmio_read(rig, 0x10), 0);
	/* Not a whole register. */
	CHECK_NUMBER(rig_access(rig, MACHINE_MEMORY, RIG_MMIO, 2, false, 0) & 0xffff, 0xffff);
	rig_release(rig);
}

static void test_negotiation(void)
{
	struct rig *rig = rig_create(&virtio_rng, NULL, VIRTIO_MMIO);
	rig_negotiate(rig, 0); /* without version 1 */
	CHECK_NUMBER(mmio_read(rig, 0x70), 1 | 2);
	rig_negotiate(rig, FEATURE_VERSION_1 | 1ULL << 40); /* with what was not offered */
	CHECK_NUMBER(mmio_read(rig, 0x70), 1 | 2);
	mmio_write(rig, 0x70, 1 | 2 | 4);
	CHECK_NUMBER(mmio_read(rig, 0x70), 1 | 2);
	rig_negotiate(rig, FEATURE_VERSION_1 | FEATURE_EVENT_IDX);
	CHECK_NUMBER(mmio_read(rig, 0x70), 1 | 2 | 8);
	mmio_write(rig, 0x70, 1); /* bits cannot be taken back */
	CHECK_NUMBER(mmio_read(rig, 0x70), 1 | 2 | 8);
	mmio_write(rig, 0x70, 0);
	CHECK_NUMBER(mmio_read(rig, 0x70), 0);
	rig_release(rig);
}

/* Notifications of a driver that is not ready, or of a queue that is not there, do nothing. */
static void test_not_ready(void)
{
	struct rig *rig = rig_create(&virtio_rng, NULL, VIRTIO_MMIO);
	rig_negotiate(rig, FEATURE_VERSION_1);
	rig_place_queue(rig, 0, RIG_QUEUE(0), RIG_AVAILABLE(0), RIG_USED(0));
	ask(rig, 0);
	CHECK_NUMBER(rig_used(rig, 0), 0);
	mmio_write(rig, 0x70, 1 | 2 | 8 | 4);
	rig_notify(rig, 1);
	rig_notify(rig, UINT32_MAX);
	CHECK_NUMBER(rig_used(rig, 0), 0);
	rig_notify(rig, 0);
	CHECK_NUMBER(rig_used(rig, 0), 1);
	rig_release(rig);
}

static void pci_select(struct rig *rig, unsigned device, unsigned which)
{
	port_write(rig, 0xcf8, 4, 0x80000000U | device << 11 | which);
}

static void test_pci_bus(void)
{
	struct rig *rig = rig_create(&virtio_rng, NULL, VIRTIO_PCI);
	CHECK_TEXT(rig->parameters, "");
	pci_select(rig, 0, 0);
	CHECK_NUMBER(port_read(rig, 0xcfc, 4), 0x12378086);
	pci_select(rig, 2, 0);
	CHECK_NUMBER(port_read(rig, 0xcfc, 4), UINT32_MAX);
	pci_select(rig, 1, 0);
	CHECK_NUMBER(port_read(rig, 0xcf8, 4), 0x80000800);
	CHECK_NUMBER(port_read(rig, 0xcfc, 4), 0x10051af4);
	CHECK_NUMBER(port_read(rig, 0xcfe, 2), 0x1005);
	pci_select(rig, 1, 0x2c);
	CHECK_NUMBER(port_read(rig, 0xcfe, 2), VIRTIO_ID_RNG);
	pci_select(rig, 1, 0x3c);
	CHECK_NUMBER(port_read(rig, 0xcfc, 2), 0x0105);
	pci_select(rig, 1, 0x10);
	CHECK_NUMBER(port_read(rig, 0xcfc, 4), RIG_PORTS | 1);
	port_write(rig, 0xcfc, 4, UINT32_MAX);
	CHECK_NUMBER(port_read(rig, 0xcfc, 4), 0xffffff81);
	port_write(rig, 0xcfc, 4, 0xc001); /* it stays where it is */
	CHECK_NUMBER(port_read(rig, 0xcfc, 4), RIG_PORTS | 1);
	port_write(rig, 0xcf8, 4, 0x00000800); /* not enabled */
	CHECK_NUMBER(port_read(rig, 0xcfc, 4), UINT32_MAX);
	rig_release(rig);
}

/* The legacy interface has queues of one size only, in pages of 4 KiB. */
static void test_pci_queue(void)
{
	struct rig *rig = rig_create(&virtio_rng, NULL, VIRTIO_PCI);
	const uint64_t queue = 0x10000, available = queue + 16UL * 256, used = available + 0x1000;
	port_write(rig, RIG_PORTS + 0x12, 1, 1 | 2);
	const uint32_t offered = (uint32_t)(FEATURE_EVENT_IDX | FEATURE_INDIRECT);
	CHECK_NUMBER(port_read(rig, RIG_PORTS, 4) & offered, offered);
	port_write(rig, RIG_PORTS + 4, 4, 0);
	port_write(rig, RIG_PORTS + 0xe, 2, 1);
	CHECK_NUMBER(port_read(rig, RIG_PORTS + 0xc, 2), 0);
	port_write(rig, RIG_PORTS + 0xe, 2, 0);
	CHECK_NUMBER(port_read(rig, RIG_PORTS + 0xc, 2), 256);
	port_write(rig, RIG_PORTS + 8, 4, (uint32_t)(queue >> 12));
	CHECK_NUMBER(port_read(rig, RIG_PORTS + 8, 4), queue >> 12);
	port_write(rig, RIG_PORTS + 0x12, 1, 1 | 2 | 4);
	const struct rig_descriptor descriptor = {RIG_DATA, LENGTH, WRITE, 0};
	memcpy(rig->memory + queue, &descriptor, sizeof(descriptor));
	rig_put16(rig, available + 2, 1);
	port_write(rig, RIG_PORTS + 0x10, 2, 0);
	CHECK_NUMBER(rig_get16(rig, used + 2), 1);
	CHECK_NUMBER(rig_get32(rig, used + 8), LENGTH);
	CHECK_NUMBER(rig->lines, 1U << RIG_LINE);
	CHECK_NUMBER(port_read(rig, RIG_PORTS + 0x13, 1), 1);
	CHECK_NUMBER(rig->lines, 0); /* reading has acknowledged it */
	port_write(rig, RIG_PORTS + 0x12, 1, 0);
	CHECK_NUMBER(port_read(rig, RIG_PORTS + 8, 4), 0);
	rig_release(rig);
}

/* ── queues ──────────────────────────────────────────────────────────────────────────────────── */

static void test_chains(void)
{
	static const uint8_t zeros[LENGTH];
	struct rig *rig = ready_rig(0);
	for (unsigned i = 0; i < 3 * RIG_QUEUE_SIZE; i++) {
		const uint16_t head = (uint16_t)(i * 3 % RIG_QUEUE_SIZE);
		ask(rig, head);
		CHECK_NUMBER(rig_used(rig, 0), i + 1);
		CHECK_NUMBER(rig_used_head(rig, 0, (uint16_t)i), head);
		CHECK_NUMBER(rig_written(rig, 0, (uint16_t)i), LENGTH);
	}
	CHECK(memcmp(rig->memory + RIG_DATA, zeros, sizeof(zeros)) != 0);
	/* Two buffers of one chain, with an empty one between them. */
	rig_describe(rig, 0, 0, RIG_DATA, 1, WRITE | NEXT, 5);
	rig_describe(rig, 0, 5, UINT64_MAX, 0, WRITE | NEXT, 2);
	rig_describe(rig, 0, 2, RIG_MEMORY - 8, 8, WRITE, 77);
	rig_offer(rig, 0, 0);
	rig_notify(rig, 0);
	CHECK_NUMBER(rig_written(rig, 0, 3 * RIG_QUEUE_SIZE), 9);
	CHECK(!rig_is_broken(rig));
	rig_release(rig);
}

/* Indices go around at 65536. */
static void test_wrap(void)
{
	struct rig *rig = ready_rig(FEATURE_EVENT_IDX);
	for (unsigned i = 0; i < 70000; i++) {
		rig_put16(rig, RIG_AVAILABLE(0) + 4 + 2UL * RIG_QUEUE_SIZE, (uint16_t)i);
		ask(rig, (uint16_t)(i % RIG_QUEUE_SIZE));
		if (rig_used(rig, 0) == (uint16_t)(i + 1))
			continue;
		CHECK_NUMBER(rig_used(rig, 0), (uint16_t)(i + 1));
		break;
	}
	rig_release(rig);
}

struct bad_queue {
	const char *name;
	struct {
		uint64_t address;
		uint32_t length;
		uint16_t flags, next;
	} descriptors[3];
	uint16_t head, index; /* index: what is made available beyond the one */
};

static const struct bad_queue bad_queues[] = {
    {.name = "a head beyond the queue", .head = RIG_QUEUE_SIZE},
    {.name = "the largest head", .head = UINT16_MAX},
    {.name = "a next one beyond the queue", .descriptors = {{RIG_DATA, 1, WRITE | NEXT, 8}}},
    {.name = "a chain to itself", .descriptors = {{RIG_DATA, 1, WRITE | NEXT, 0}}},
    {.name = "a loop",
     .descriptors = {{RIG_DATA, 1, WRITE | NEXT, 1},
		     {RIG_DATA, 1, WRITE | NEXT, 2},
		     {RIG_DATA, 1, WRITE | NEXT, 1}}},
    {.name = "a loop of empty ones",
     .descriptors = {{0, 0, WRITE | NEXT, 1}, {0, 0, WRITE | NEXT, 0}}},
    {.name = "an address beyond memory", .descriptors = {{RIG_MEMORY, 1, WRITE, 0}}},
    {.name = "an end beyond memory", .descriptors = {{RIG_MEMORY - 7, 8, WRITE, 0}}},
    {.name = "the last address", .descriptors = {{UINT64_MAX, 1, WRITE, 0}}},
    {.name = "an end that overflows", .descriptors = {{UINT64_MAX - 3, 8, WRITE, 0}}},
    {.name = "the device's own registers", .descriptors = {{RIG_MMIO, 4, WRITE, 0}}},
    {.name = "the largest length", .descriptors = {{0, UINT32_MAX, WRITE, 0}}},
    {.name = "an indirect table that was not agreed on", .descriptors = {{RIG_DATA, 16, 4, 0}}},
    {.name = "flags that are unknown", .descriptors = {{RIG_DATA, 16, WRITE | 0x8000, 0}}},
    {.name = "a readable one behind a writable one",
     .descriptors = {{RIG_DATA, 1, WRITE | NEXT, 1}, {RIG_DATA, 1, 0, 0}}},
    {.name = "more chains than descriptors", .index = RIG_QUEUE_SIZE},
    {.name = "an index that goes backwards", .index = UINT16_MAX - 1},
};

static void test_bad_queue(const struct bad_queue *bad)
{
	struct rig *rig = ready_rig(0);
	for (unsigned i = 0; i < ARRAY_SIZE(bad->descriptors); i++)
		rig_describe(rig, 0, i, bad->descriptors[i].address, bad->descriptors[i].length,
			     bad->descriptors[i].flags, bad->descriptors[i].next);
	rig_offer(rig, 0, bad->head);
	rig_put16(rig, RIG_AVAILABLE(0) + 2, (uint16_t)(1 + bad->index));
	rig_notify(rig, 0);
	if (!CHECK(rig_is_broken(rig)))
		fprintf(stderr, "  %s\n", bad->name);
	CHECK_NUMBER(rig_used(rig, 0), 0);
	CHECK_NUMBER(mmio_read(rig, 0x60), 2); /* the driver is told */
	/* Nothing moves any more, until it is reset. */
	rig->offered[0] = 0;
	ask(rig, 0);
	CHECK_NUMBER(rig_used(rig, 0), 0);
	rig_set_up(rig, 0, 1);
	ask(rig, 0);
	CHECK_NUMBER(rig_used(rig, 0), 1);
	rig_release(rig);
}

/* Rings that are not in memory, or not aligned. */
static void test_bad_rings(void)
{
	static const uint64_t places[][3] = {
	    {RIG_MEMORY - 0x70, RIG_AVAILABLE(0), RIG_USED(0)},
	    {RIG_QUEUE(0), RIG_MEMORY - 2, RIG_USED(0)},
	    {RIG_QUEUE(0), RIG_AVAILABLE(0), RIG_MEMORY - 4},
	    {UINT64_MAX - 15, RIG_AVAILABLE(0), RIG_USED(0)},
	    {RIG_QUEUE(0), UINT64_MAX - 1, RIG_USED(0)},
	    {RIG_QUEUE(0), RIG_AVAILABLE(0), UINT64_MAX - 3},
	    {RIG_QUEUE(0) + 8, RIG_AVAILABLE(0), RIG_USED(0)},
	    {RIG_QUEUE(0), RIG_AVAILABLE(0) + 1, RIG_USED(0)},
	    {RIG_QUEUE(0), RIG_AVAILABLE(0), RIG_USED(0) + 2},
	};
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		struct rig *rig = rig_create(&virtio_rng, NULL, VIRTIO_MMIO);
		rig_negotiate(rig, FEATURE_VERSION_1);
		rig_place_queue(rig, 0, places[i][0], places[i][1], places[i][2]);
		mmio_write(rig, 0x70, 1 | 2 | 8 | 4);
		ask(rig, 0);
		if (!CHECK(rig_is_broken(rig)))
			fprintf(stderr, "  place %zu\n", i);
		rig_release(rig);
	}
}

/* ── indirect tables ─────────────────────────────────────────────────────────────────────────── */

#define TABLE 0x50000UL

static void describe_in_table(struct rig *rig, unsigned number, uint64_t address, uint32_t length,
			      uint16_t flags, uint16_t next)
{
	const struct rig_descriptor descriptor = {address, length, flags, next};
	memcpy(rig->memory + TABLE + 16UL * number, &descriptor, sizeof(descriptor));
}

/* A table of so many buffers of one byte, one after the other. */
static void fill_table(struct rig *rig, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		describe_in_table(rig, i, RIG_DATA + i, 1, i + 1 < count ? WRITE | NEXT : WRITE,
				  (uint16_t)(i + 1));
}

/* Offers descriptor 0, which has the table behind it. */
static void ask_by_table(struct rig *rig, uint32_t length, uint16_t flags)
{
	rig_describe(rig, 0, 0, TABLE, length, INDIRECT | flags, 0);
	rig_offer(rig, 0, 0);
	rig_notify(rig, 0);
}

static void test_tables(void)
{
	struct rig *rig = ready_rig(FEATURE_INDIRECT);
	/* In any order, with an empty one; what is behind the chain's end means nothing. */
	describe_in_table(rig, 0, RIG_DATA, 3, WRITE | NEXT, 2);
	describe_in_table(rig, 1, RIG_MEMORY - 8, 8, WRITE, 99);
	describe_in_table(rig, 2, UINT64_MAX, 0, WRITE | NEXT, 1);
	describe_in_table(rig, 3, UINT64_MAX, UINT32_MAX, UINT16_MAX, 0);
	ask_by_table(rig, 64, 0);
	CHECK_NUMBER(rig_written(rig, 0, 0), 11);
	CHECK_NUMBER(rig_used_head(rig, 0, 0), 0);
	ask_by_table(rig, 64, WRITE); /* which means nothing there */
	CHECK_NUMBER(rig_written(rig, 0, 1), 11);
	/* Behind descriptors of the queue. */
	rig_describe(rig, 0, 1, RIG_DATA, 5, WRITE | NEXT, 0);
	rig_offer(rig, 0, 1);
	rig_notify(rig, 0);
	CHECK_NUMBER(rig_written(rig, 0, 2), 16);
	CHECK_NUMBER(rig_used_head(rig, 0, 2), 1);
	/* A buffer may be the table itself, which has been read by then. */
	describe_in_table(rig, 0, TABLE, 48, WRITE, 0);
	ask_by_table(rig, 16, 0);
	CHECK_NUMBER(rig_written(rig, 0, 3), 48);
	CHECK(!rig_is_broken(rig));
	rig_release(rig);
}

/* More than the queue has, up to a bound. */
static void test_long_tables(void)
{
	static const struct {
		unsigned count;
		bool is_sound;
	} lengths[] = {{RIG_QUEUE_SIZE + 1, true},
		       {VIRTIO_CHAIN_MAX - 1, true},
		       {VIRTIO_CHAIN_MAX, false},
		       {4 * VIRTIO_CHAIN_MAX, false}};
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		struct rig *rig = ready_rig(FEATURE_INDIRECT);
		fill_table(rig, lengths[i].count);
		ask_by_table(rig, 16 * lengths[i].count, 0);
		CHECK_NUMBER(rig_is_broken(rig), !lengths[i].is_sound);
		CHECK_NUMBER(rig_used(rig, 0), lengths[i].is_sound);
		if (lengths[i].is_sound)
			CHECK_NUMBER(rig_written(rig, 0, 0), lengths[i].count);
		rig_release(rig);
	}
}

struct bad_table {
	const char *name;
	uint64_t address;
	uint32_t length;
	uint16_t flags;
	struct rig_descriptor descriptors[2];
};

static const struct bad_table bad_tables[] = {
    {"no descriptor", TABLE, 0, 0, {{RIG_DATA, 1, WRITE, 0}}},
    {"less than one", TABLE, 15, 0, {{RIG_DATA, 1, WRITE, 0}}},
    {"not a whole number", TABLE, 24, 0, {{RIG_DATA, 1, WRITE, 0}}},
    {"one that is not the last", TABLE, 32, NEXT, {{RIG_DATA, 1, WRITE, 0}}},
    {"a table in a table", TABLE, 32, 0, {{TABLE, 16, INDIRECT, 0}}},
    {"a table behind one in it",
     TABLE,
     32,
     0,
     {{RIG_DATA, 1, WRITE | NEXT, 1}, {TABLE, 16, WRITE | INDIRECT, 0}}},
    {"a next one beyond it", TABLE, 32, 0, {{RIG_DATA, 1, WRITE | NEXT, 2}}},
    {"a chain to itself", TABLE, 32, 0, {{RIG_DATA, 1, WRITE | NEXT, 0}}},
    {"a loop of empty ones", TABLE, 32, 0, {{0, 0, NEXT, 1}, {0, 0, NEXT, 0}}},
    {"a readable one behind a writable one",
     TABLE,
     32,
     0,
     {{RIG_DATA, 1, WRITE | NEXT, 1}, {RIG_DATA, 1, 0, 0}}},
    {"flags that are unknown", TABLE, 32, 0, {{RIG_DATA, 1, WRITE | 8, 0}}},
    {"a buffer beyond memory", TABLE, 32, 0, {{RIG_MEMORY, 1, WRITE, 0}}},
    {"a table beyond memory", RIG_MEMORY, 16, 0, {{0}}},
    {"an end beyond memory", RIG_MEMORY - 16, 32, 0, {{0}}},
    {"the last address", UINT64_MAX - 15, 16, 0, {{0}}},
    {"an end that overflows", UINT64_MAX - 15, 32, 0, {{0}}},
    {"the largest length", 0, UINT32_MAX - 15, 0, {{0}}},
    {"the device's own registers", RIG_MMIO, 16, 0, {{0}}},
};

static void test_bad_table(const struct bad_table *bad)
{
	struct rig *rig = ready_rig(FEATURE_INDIRECT);
	memcpy(rig->memory + TABLE, bad->descriptors, sizeof(bad->descriptors));
	rig_describe(rig, 0, 0, bad->address, bad->length, INDIRECT | bad->flags, 1);
	rig_describe(rig, 0, 1, RIG_DATA, 1, WRITE, 0);
	rig_offer(rig, 0, 0);
	rig_notify(rig, 0);
	if (!CHECK(rig_is_broken(rig)))
		fprintf(stderr, "  %s\n", bad->name);
	CHECK_NUMBER(rig_used(rig, 0), 0);
	rig_release(rig);
}

/* A clone goes on with a chain that was offered before its snapshot. */
static void test_saved_table(void)
{
	struct error error = {0};
	cleanup_free uint8_t *data = NULL;
	size_t length = 0;
	struct rig *rig = ready_rig(FEATURE_INDIRECT);
	ask(rig, 0);
	fill_table(rig, 100);
	rig_describe(rig, 0, 0, TABLE, 1600, INDIRECT, 0);
	rig_offer(rig, 0, 0);
	CHECK_NUMBER(bus_save(rig->bus, &data, &length, &error), 0);
	CHECK_NUMBER(bus_load(rig->bus, NULL, 0, &error), 0);
	CHECK_NUMBER(bus_load(rig->bus, data, length, &error), 0);
	rig_notify(rig, 0);
	CHECK_NUMBER(rig_used(rig, 0), 2);
	CHECK_NUMBER(rig_written(rig, 0, 1), 100);
	rig_release(rig);
}

/* A queue in use stays where it is, and sizes that cannot be change nothing. */
static void test_queue_registers(void)
{
	struct rig *rig = ready_rig(0);
	mmio_write(rig, 0x80, 0);
	mmio_write(rig, 0x38, 16);
	ask(rig, 0);
	CHECK_NUMBER(rig_used(rig, 0), 1);
	mmio_write(rig, 0x44, 0);
	CHECK_NUMBER(mmio_read(rig, 0x44), 0);
	ask(rig, 1);
	CHECK_NUMBER(rig_used(rig, 0), 1);
	static const uint32_t sizes[] = {0, 3, 512, 0x10000, UINT32_MAX};
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		mmio_write(rig, 0x38, sizes[i]);
	mmio_write(rig, 0x44, 1); /* it begins anew, with 8 descriptors as before */
	rig_notify(rig, 0);
	CHECK_NUMBER(rig_used(rig, 0), 2);
	CHECK(!rig_is_broken(rig));
	rig_release(rig);
}

/* ── interrupts ──────────────────────────────────────────────────────────────────────────────── */

static void test_interrupts(void)
{
	struct rig *rig = ready_rig(0);
	ask(rig, 0);
	CHECK_NUMBER(rig->lines, 1U << RIG_LINE);
	CHECK_NUMBER(mmio_read(rig, 0x60), 1);
	mmio_write(rig, 0x64, 1);
	CHECK_NUMBER(rig->lines, 0);
	rig_put16(rig, RIG_AVAILABLE(0), 1); /* the driver wants none */
	ask(rig, 1);
	CHECK_NUMBER(rig->lines, 0);
	rig_put16(rig, RIG_AVAILABLE(0), 0);
	rig_notify(rig, 0); /* nothing new */
	CHECK_NUMBER(rig->raised, 1);
	ask(rig, 2);
	CHECK_NUMBER(rig->raised, 2);
	mmio_write(rig, 0x70, 0);
	CHECK_NUMBER(rig->lines, 0);
	rig_release(rig);
}

static void test_event_index(void)
{
	struct rig *rig = ready_rig(FEATURE_EVENT_IDX);
	const uint64_t wanted = RIG_AVAILABLE(0) + 4 + 2UL * RIG_QUEUE_SIZE;
	const uint64_t notified = RIG_USED(0) + 4 + 8UL * RIG_QUEUE_SIZE;
	rig_put16(rig, wanted, 1); /* at the second one */
	ask(rig, 0);
	CHECK_NUMBER(rig->raised, 0);
	CHECK_NUMBER(rig_get16(rig, notified), 1);
	ask(rig, 1);
	CHECK_NUMBER(rig->raised, 1);
	CHECK_NUMBER(rig_get16(rig, notified), 2);
	mmio_write(rig, 0x64, 1);
	/* Two at once go over the index. */
	rig_put16(rig, wanted, 2);
	rig_describe(rig, 0, 2, RIG_DATA, 1, WRITE, 0);
	rig_offer(rig, 0, 2);
	ask(rig, 3);
	CHECK_NUMBER(rig->raised, 2);
	rig_release(rig);
}

/* ── saved states ────────────────────────────────────────────────────────────────────────────── */

static void test_saved(void)
{
	struct error error = {0};
	cleanup_free uint8_t *data = NULL;
	size_t length = 0;
	struct rig *rig = ready_rig(FEATURE_EVENT_IDX);
	ask(rig, 0);
	CHECK_NUMBER(bus_save(rig->bus, &data, &length, &error), 0);
	const uint16_t used = rig_used(rig, 0);
	CHECK_NUMBER(bus_load(rig->bus, NULL, 0, &error), 0);
	CHECK_NUMBER(mmio_read(rig, 0x70), 0);
	ask(rig, 1);
	CHECK_NUMBER(rig_used(rig, 0), used);
	CHECK_NUMBER(bus_load(rig->bus, data, length, &error), 0);
	CHECK_NUMBER(mmio_read(rig, 0x70), 1 | 2 | 8 | 4);
	rig_notify(rig, 0); /* it goes on with what was offered meanwhile */
	CHECK_NUMBER(rig_used(rig, 0), used + 1);

	for (size_t cut = 0; cut < length; cut++)
		CHECK_NUMBER(bus_load(rig->bus, data, cut, &error), -EBADMSG);
	/* What is changed is refused, or does no harm. */
	for (size_t i = 0; i < length * 8; i++) {
		data[i / 8] ^= (uint8_t)(1U << i % 8);
		const int result = bus_load(rig->bus, data, length, &error);
		CHECK(!result || result == -EBADMSG);
		if (!result)
			rig_notify(rig, 0);
		data[i / 8] ^= (uint8_t)(1U << i % 8);
	}
	rig_release(rig);
}

int main(void)
{
	test_registers();
	test_negotiation();
	test_not_ready();
	test_pci_bus();
	test_pci_queue();
	test_chains();
	test_wrap();
	for (size_t i = 0; i < ARRAY_SIZE(bad_queues); i++)
		test_bad_queue(&bad_queues[i]);
	test_bad_rings();
	test_tables();
	test_long_tables();
	for (size_t i = 0; i < ARRAY_SIZE(bad_tables); i++)
		test_bad_table(&bad_tables[i]);
	test_saved_table();
	test_queue_registers();
	test_interrupts();
	test_event_index();
	test_saved();
	return check_status();
}
