/* Virtio devices: what each does with chains of whatever shape, and what of it a clone has. */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check.h"
#include "monitor/devices/virtio/block.h"
#include "monitor/devices/virtio/net.h"
#include "monitor/slot/setup.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "virtio_rig.h"

#define SECTORS	  64U
#define HEADER	  RIG_DATA
#define STATUS	  (RIG_DATA + 0x100UL)
#define PAYLOAD	  (RIG_DATA + 0x1000UL)
#define UNTOUCHED 0xee

/* ── block ───────────────────────────────────────────────────────────────────────────────────── */

enum { READ = 0, OUT = 1, FLUSH = 4, IDENTITY = 8 };

static char disk_path[] = "/tmp/test-virtio-XXXXXX";

/* A file whose sectors are all different. */
static void make_file(void)
{
	uint8_t sector[VIRTIO_SECTOR_SIZE];
	const int fd = mkstemp(disk_path);
	CHECK(fd >= 0);
	for (unsigned i = 0; i < SECTORS; i++) {
		memset(sector, (int)i + 1, sizeof(sector));
		CHECK(write(fd, sector, sizeof(sector)) == sizeof(sector));
	}
	close(fd);
}

static struct rig *block_rig(struct virtio_disk *disk)
{
	struct error error = {0};
	CHECK_NUMBER(virtio_disk_open(disk, "data", disk_path, VIRTIO_SECTOR_SIZE, &error), 0);
	struct rig *rig = rig_create(&virtio_block, disk, VIRTIO_MMIO);
	rig_set_up(rig, 0, 1);
	return rig;
}

static void block_release(struct rig *rig, struct virtio_disk *disk)
{
	close(disk->fd);
	rig_release(rig);
}

/* Offers a request in three descriptors, or two where it has no data. */
static void offer_request(struct rig *rig, uint32_t type, uint64_t sector, uint32_t length)
{
	const struct {
		uint32_t type, reserved;
		uint64_t sector;
	} header = {type, 0, sector};
	memcpy(rig->memory + HEADER, &header, sizeof(header));
	rig->memory[STATUS] = UNTOUCHED;
	rig_describe(rig, 0, 0, HEADER, sizeof(header), NEXT, length ? 1 : 2);
	rig_describe(rig, 0, 1, PAYLOAD, length, type == OUT ? NEXT : NEXT | WRITE, 2);
	rig_describe(rig, 0, 2, STATUS, 1, WRITE, 0);
	rig_offer(rig, 0, 0);
}

/* Does one, and returns its status. */
static uint8_t do_request(struct rig *rig, uint32_t type, uint64_t sector, uint32_t length)
{
	offer_request(rig, type, sector, length);
	rig_notify(rig, 0);
	CHECK_NUMBER(rig_used(rig, 0), rig->offered[0]);
	return rig->memory[STATUS];
}

static void test_block(void)
{
	struct virtio_disk disk;
	struct rig *rig = block_rig(&disk);
	CHECK_NUMBER(mmio_read(rig, 0x100), SECTORS);
	CHECK_NUMBER(mmio_read(rig, 0x104), 0);
	CHECK_NUMBER(mmio_read(rig, 0x114), VIRTIO_SECTOR_SIZE);
	/* 4 KiB, and what was told of it. */
	CHECK_NUMBER(do_request(rig, READ, 3, 4096), 0);
	CHECK_NUMBER(rig_written(rig, 0, 0), 4097);
	for (unsigned i = 0; i < 8; i++) {
		CHECK_NUMBER(rig->memory[PAYLOAD + 512UL * i], 4 + i);
		CHECK_NUMBER(rig->memory[PAYLOAD + 512UL * i + 511], 4 + i);
	}
	memset(rig->memory + PAYLOAD, 0x77, 1024);
	CHECK_NUMBER(do_request(rig, OUT, SECTORS - 2, 1024), 0);
	CHECK_NUMBER(do_request(rig, FLUSH, 0, 0), 0);
	memset(rig->memory + PAYLOAD, 0, 1024);
	CHECK_NUMBER(do_request(rig, READ, SECTORS - 2, 1024), 0);
	CHECK_NUMBER(rig->memory[PAYLOAD + 1023], 0x77);
	CHECK_NUMBER(do_request(rig, IDENTITY, 0, 20), 0);
	CHECK_TEXT((const char *)rig->memory + PAYLOAD, "data");
	CHECK(!rig_is_broken(rig));
	block_release(rig, &disk);
}

static void test_block_errors(void)
{
	struct virtio_disk disk;
	struct rig *rig = block_rig(&disk);
	CHECK_NUMBER(do_request(rig, READ, SECTORS, 512), 1);
	CHECK_NUMBER(do_request(rig, READ, SECTORS - 1, 1024), 1);
	CHECK_NUMBER(do_request(rig, READ, UINT64_MAX, 512), 1);
	CHECK_NUMBER(do_request(rig, READ, UINT64_MAX / 512 + 1, 512), 1);
	CHECK_NUMBER(do_request(rig, OUT, SECTORS, 512), 1);
	CHECK_NUMBER(do_request(rig, READ, 0, 511), 1);
	CHECK_NUMBER(do_request(rig, IDENTITY, 0, 19), 1);
	CHECK_NUMBER(do_request(rig, 99, 0, 512), 2);
	CHECK(!ftruncate(disk.fd, 512)); /* it becomes shorter */
	CHECK_NUMBER(do_request(rig, READ, 0, 1024), 1);
	CHECK(!rig_is_broken(rig));
	block_release(rig, &disk);
	/* Without room for a status, or a whole header. */
	rig = block_rig(&disk);
	rig_describe(rig, 0, 0, HEADER, 16, 0, 0);
	rig_offer(rig, 0, 0);
	rig_notify(rig, 0);
	CHECK(rig_is_broken(rig));
	rig_set_up(rig, 0, 1);
	rig_describe(rig, 0, 0, HEADER, 15, NEXT, 1);
	rig_describe(rig, 0, 1, STATUS, 1, WRITE, 0);
	rig_offer(rig, 0, 0);
	rig_notify(rig, 0);
	CHECK(rig_is_broken(rig));
	block_release(rig, &disk);
}

/* One byte a descriptor at the borders: the standard says nothing of how a request is cut. */
static void test_block_pieces(void)
{
	struct virtio_disk disk;
	struct rig *rig = block_rig(&disk);
	const uint64_t sector = 7;
	memset(rig->memory + HEADER, 0, 16);
	memcpy(rig->memory + HEADER + 8, &sector, sizeof(sector));
	rig_describe(rig, 0, 4, HEADER, 5, NEXT, 6);
	rig_describe(rig, 0, 6, HEADER + 5, 11, NEXT, 1);
	rig_describe(rig, 0, 1, PAYLOAD, 1, NEXT | WRITE, 3);
	rig_describe(rig, 0, 3, PAYLOAD + 0x1000, 600, NEXT | WRITE, 0);
	rig_describe(rig, 0, 0, PAYLOAD + 0x2000, 424, WRITE, 0); /* its last byte: the status */
	rig->memory[PAYLOAD + 0x2000 + 423] = UNTOUCHED;
	rig_offer(rig, 0, 4);
	rig_notify(rig, 0);
	CHECK_NUMBER(rig_written(rig, 0, 0), 1025);
	CHECK_NUMBER(rig->memory[PAYLOAD], 8);
	CHECK_NUMBER(rig->memory[PAYLOAD + 0x1000 + 510], 8);
	CHECK_NUMBER(rig->memory[PAYLOAD + 0x1000 + 511], 9);
	CHECK_NUMBER(rig->memory[PAYLOAD + 0x2000 + 422], 9);
	CHECK_NUMBER(rig->memory[PAYLOAD + 0x2000 + 423], 0);
	block_release(rig, &disk);
}

static void test_block_read_only(void)
{
	struct virtio_disk disk;
	struct rig *rig = block_rig(&disk);
	disk.read_only = true; /* as where the file may not be written; root may write any */
	mmio_write(rig, 0x14, 0);
	CHECK(mmio_read(rig, 0x10) & 1U << 5);
	CHECK_NUMBER(do_request(rig, OUT, 0, 512), 1);
	CHECK_NUMBER(do_request(rig, FLUSH, 0, 0), 0);
	CHECK_NUMBER(do_request(rig, READ, 0, 512), 0);
	CHECK_NUMBER(rig->memory[PAYLOAD], 1);
	block_release(rig, &disk);
}

/* Eight a second: the bucket holds less than one, so that the second has to wait. */
static void test_block_limit(void)
{
	struct error error = {0};
	struct virtio_disk disk;
	struct rig *rig = block_rig(&disk);
	CHECK_NUMBER(rate_parse(&disk.limit, "0,8", "data", &error), 0);
	CHECK_NUMBER(do_request(rig, READ, 0, 512), 0);
	offer_request(rig, READ, 1, 512);
	rig_notify(rig, 0);
	CHECK_NUMBER(rig_used(rig, 0), 1);
	CHECK(bus_due(rig->bus) > 0);
	CHECK(bus_may_interrupt(rig->bus));
	while (clock_now_ns() < bus_due(rig->bus))
		rig_serve(rig);
	rig_serve(rig);
	CHECK_NUMBER(rig_used(rig, 0), 2);
	CHECK_NUMBER(bus_due(rig->bus), 0);
	/* A driver that resets the device has not paid. */
	rig_set_up(rig, 0, 1);
	offer_request(rig, READ, 0, 512);
	rig_notify(rig, 0);
	CHECK_NUMBER(rig->memory[STATUS], UNTOUCHED);
	block_release(rig, &disk);
}

/* Each request is short, and none is begun behind the deadline. */
static void test_block_bounds(void)
{
	struct virtio_disk disk;
	struct rig *rig = block_rig(&disk);
	disk.size = 64 << 20;
	memset(rig->memory + HEADER, 0, 16);
	rig_describe(rig, 0, 0, HEADER, 16, NEXT, 1);
	for (uint16_t i = 1; i <= 5; i++) /* all to one place */
		rig_describe(rig, 0, i, 0, RIG_MEMORY, NEXT | WRITE, i + 1);
	rig_describe(rig, 0, 6, STATUS, 1, WRITE, 0);
	rig_offer(rig, 0, 0);
	rig_notify(rig, 0);
	CHECK_NUMBER(rig->memory[STATUS], 1);
	rig->slot.deadline_ns = clock_now_ns();
	offer_request(rig, READ, 0, 512);
	rig_notify(rig, 0);
	CHECK_NUMBER(rig->memory[STATUS], UNTOUCHED);
	block_release(rig, &disk);
}

static void test_rates(void)
{
	static const char *const bad[] = {"",
					  "x",
					  "1x",
					  "1,",
					  "1,2,3",
					  "-1",
					  "1 ",
					  ",1",
					  "99999999999999999999",
					  "99999999999999999G"};
	struct error error = {0};
	struct rate_limit limit;
	struct rate_bucket bucket = {0};
	CHECK_NUMBER(rate_parse(&limit, "10M,2k", "data", &error), 0);
	CHECK_NUMBER(limit.bytes, 10 << 20);
	CHECK_NUMBER(limit.operations, 2048);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (!CHECK_NUMBER(rate_parse(&limit, bad[i], "data", &error), -EINVAL))
			fprintf(stderr, "  '%s'\n", bad[i]);
	/* 1000 bytes a second: 100 at once, the next when they are paid off but for these. */
	const uint64_t now_ns = NANOSECONDS_PER_SECOND;
	limit = (struct rate_limit){.bytes = 1000};
	CHECK_NUMBER(rate_due(&limit, &bucket, now_ns), 0);
	rate_pay(&limit, &bucket, 100, now_ns);
	CHECK_NUMBER(rate_due(&limit, &bucket, now_ns), 0);
	rate_pay(&limit, &bucket, 500, now_ns);
	CHECK_NUMBER(rate_due(&limit, &bucket, now_ns), now_ns + NANOSECONDS_PER_SECOND / 2);
	CHECK_NUMBER(rate_due(&limit, &bucket, now_ns + NANOSECONDS_PER_SECOND / 2), 0);
	rate_pay(&limit, &bucket, UINT64_MAX, now_ns); /* nothing overflows */
	CHECK(rate_due(&limit, &bucket, now_ns) > now_ns);
}

static void test_disk_refusals(void)
{
	struct error error = {0};
	struct virtio_disk disk;
	CHECK_NUMBER(virtio_disk_open(&disk, "a", "/nonexistent/disk", 512, &error), -ENOENT);
	CHECK_NUMBER(virtio_disk_open(&disk, "a", "/tmp", 512, &error), -EISDIR);
	CHECK_NUMBER(virtio_disk_open(&disk, "a", "/dev/null", 512, &error), -EINVAL);
	CHECK(strstr(error.text, "/dev/null is no file or block device"));
	static const uint64_t sizes[] = {0, 256, 513, 768, 8192, 1UL << 32 | 512};
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		CHECK_NUMBER(virtio_disk_open(&disk, "a", disk_path, sizes[i], &error), -EINVAL);
	CHECK(!truncate(disk_path, 1000));
	CHECK_NUMBER(virtio_disk_open(&disk, "a", disk_path, 512, &error), -EINVAL);
	CHECK(strstr(error.text, "1000 bytes"));
	CHECK(!truncate(disk_path, 0));
	CHECK_NUMBER(virtio_disk_open(&disk, "a", disk_path, 512, &error), -EINVAL);
}

/* A clone's request comes in two parts, and the guest gets it when all of it is there. */
static void serve_clone(struct rig *rig, const uint8_t *state, size_t length, const char *first,
			const char *rest)
{
	struct error error = {0};
	int ends[2];
	CHECK(!pipe2(ends, O_CLOEXEC));
	memset(rig->memory + RIG_USED(0), 0, 4);
	memset(rig->memory + PAYLOAD, UNTOUCHED, 1536);
	rig->slot.consumed = 0;
	rig->request = (struct request){.data = first, .length = strlen(first), .fd = ends[0]};
	CHECK_NUMBER(bus_load(rig->bus, state, length, &error), 0);
	CHECK(bus_due(rig->bus) > 0);
	rig_serve(rig);
	CHECK_NUMBER(rig_used(rig, 0), 0);
	CHECK(write(ends[1], rest, strlen(rest)) == (ssize_t)strlen(rest));
	close(ends[1]);
	while (!rig_used(rig, 0) && bus_due(rig->bus))
		rig_serve(rig);
	CHECK_NUMBER(rig_used(rig, 0), 1);
	CHECK_NUMBER(rig->memory[STATUS], 0);
	CHECK_NUMBER(rig_get32(rig, PAYLOAD), strlen(first) + strlen(rest));
	CHECK_NUMBER(rig_get32(rig, PAYLOAD + 4), 0);
	CHECK(!memcmp(rig->memory + PAYLOAD + 512, first, strlen(first)));
	CHECK_TEXT((const char *)rig->memory + PAYLOAD + 512 + strlen(first), rest);
	close(ends[0]);
}

/* The request as a disk: a set-up leaves the read to its clones. */
static void test_request_disk(void)
{
	struct error error = {0};
	cleanup_free uint8_t *state = NULL;
	size_t length;
	struct setup setup = {0};
	struct request_disk request = {0};
	struct virtio_disk disk;
	CHECK_NUMBER(virtio_disk_of_request(&disk, "in", 512, &error), 0);
	disk.request = &request;
	struct rig *rig = rig_create(&virtio_block, &disk, VIRTIO_MMIO);
	CHECK_NUMBER(window_create(&rig->slot.window, &error), 0);
	rig_set_up(rig, 0, 1);
	CHECK_NUMBER(mmio_read(rig, 0x100), REQUEST_DISK_MAX / 512 + 1);
	rig->slot.setup = &setup;
	offer_request(rig, READ, 0, 1536);
	rig_notify(rig, 0);
	CHECK_NUMBER(rig_used(rig, 0), 0);
	CHECK_NUMBER(bus_due(rig->bus), 0);
	CHECK_NUMBER(bus_save(rig->bus, &state, &length, &error), 0);
	rig->slot.setup = NULL;
	serve_clone(rig, state, length, "first, ", "then");
	serve_clone(rig, state, length, "another", " one");
	CHECK_NUMBER(do_request(rig, READ, REQUEST_DISK_MAX / 512 + 1, 512), 1);
	CHECK_NUMBER(do_request(rig, OUT, 0, 512), 1);
	request_disk_release(&request);
	window_release(&rig->slot.window);
	rig_release(rig);
}

/* The host's copy grows no longer than a request may be. */
static void test_room_of_request(void)
{
	static const uint8_t first[700 << 10];
	struct error error = {0};
	struct request_disk disk = {0};
	struct rig *rig = rig_create(&virtio_rng, NULL, VIRTIO_MMIO);
	cleanup_close int rest = memfd_create("rest", MFD_CLOEXEC);
	CHECK(rest >= 0 && !ftruncate(rest, 60L << 20));
	CHECK_NUMBER(window_create(&rig->slot.window, &error), 0);
	rig->request.data = first;
	rig->request.length = sizeof(first);
	rig->request.fd = rest;
	CHECK_NUMBER(request_disk_gather(&disk, &rig->slot, UINT64_MAX, &error), 0);
	CHECK_NUMBER(disk.length, sizeof(first) + (60UL << 20));
	CHECK(disk.complete && disk.room <= REQUEST_DISK_MAX);
	request_disk_release(&disk);
	window_release(&rig->slot.window);
	rig_release(rig);
}

/* ── net ─────────────────────────────────────────────────────────────────────────────────────── */

#define FRAME_SIZE 100U
#define HEAD	   12U

struct net_rig {
	struct rig *rig;
	struct network_link *ends[2]; /* the guest's and the other one */
	struct virtio_net_link backing;
};

static struct net_rig net_rig(void)
{
	struct error error = {0};
	struct net_rig net = {0};
	CHECK_NUMBER(network_loop_open(net.ends, &error), 0);
	return net;
}

/* It must stay where it is from here on: the device knows its backing. */
static void net_begin(struct net_rig *net)
{
	net->backing.link = net->ends[0];
	net->rig = rig_create(&virtio_net, &net->backing, VIRTIO_MMIO);
	rig_set_up(net->rig, 0, 2);
}

static void net_release(struct net_rig *net)
{
	rig_release(net->rig);
	network_link_release(net->ends[0]);
	network_link_release(net->ends[1]);
}

static void send_frame(struct net_rig *net, uint16_t head, uint8_t mark)
{
	struct rig *rig = net->rig;
	memset(rig->memory + PAYLOAD, 0, HEAD);
	memset(rig->memory + PAYLOAD + HEAD, mark, FRAME_SIZE);
	rig_describe(rig, 1, head, PAYLOAD, HEAD + 10, NEXT, (uint16_t)(head + 1));
	rig_describe(rig, 1, head + 1U, PAYLOAD + HEAD + 10, FRAME_SIZE - 10, 0, 0);
	rig_offer(rig, 1, head);
	rig_notify(rig, 1);
}

static void offer_buffer(struct rig *rig, uint16_t head, uint32_t length)
{
	rig_describe(rig, 0, head, RIG_DATA + 0x1000UL * head, length, WRITE, 0);
	rig_offer(rig, 0, head);
	rig_notify(rig, 0);
}

static void test_net_send(void)
{
	struct net_rig net = net_rig();
	uint8_t frame[NETWORK_FRAME_MAX];
	net_begin(&net);
	for (uint16_t i = 0; i < 20; i++) {
		send_frame(&net, i % 4, (uint8_t)(i + 1));
		CHECK_NUMBER(rig_used(net.rig, 1), i + 1);
		CHECK_NUMBER(network_link_receive(net.ends[1], frame, sizeof(frame)), FRAME_SIZE);
		CHECK(frame[0] == i + 1 && frame[FRAME_SIZE - 1] == i + 1);
	}
	/* Only a header, less than one, and nothing at all. */
	static const uint32_t lengths[] = {HEAD, 3, 0};
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		rig_describe(net.rig, 1, 0, PAYLOAD, lengths[i], 0, 0);
		rig_offer(net.rig, 1, 0);
		rig_notify(net.rig, 1);
		CHECK_NUMBER(network_link_receive(net.ends[1], frame, sizeof(frame)), 0);
	}
	/* Larger than any frame. */
	rig_describe(net.rig, 1, 0, 0, RIG_MEMORY, 0, 0);
	rig_offer(net.rig, 1, 0);
	rig_notify(net.rig, 1);
	CHECK_NUMBER(network_link_receive(net.ends[1], frame, sizeof(frame)), 0);
	CHECK_NUMBER(rig_used(net.rig, 1), net.rig->offered[1]);
	CHECK(!rig_is_broken(net.rig));
	net_release(&net);
}

static void test_net_receive(void)
{
	struct net_rig net = net_rig();
	uint8_t frame[FRAME_SIZE];
	memset(frame, 0x42, sizeof(frame));
	net_begin(&net);
	struct rig *rig = net.rig;
	CHECK(!memcmp(net.ends[0]->mac, (uint32_t[]){mmio_read(rig, 0x100)}, 4));
	network_link_send(net.ends[1], frame, sizeof(frame));
	rig_serve(rig); /* there is no buffer: it waits */
	CHECK_NUMBER(rig_used(rig, 0), 0);
	rig->memory[RIG_DATA + HEAD + FRAME_SIZE] = UNTOUCHED;
	offer_buffer(rig, 0, 2048);
	CHECK_NUMBER(rig_used(rig, 0), 1);
	CHECK_NUMBER(rig_written(rig, 0, 0), HEAD + FRAME_SIZE);
	CHECK_NUMBER(rig_get16(rig, RIG_DATA + 10), 1); /* buffers */
	CHECK_NUMBER(rig->memory[RIG_DATA + HEAD], 0x42);
	CHECK_NUMBER(rig->memory[RIG_DATA + HEAD + FRAME_SIZE], UNTOUCHED);
	offer_buffer(rig, 1, HEAD + FRAME_SIZE - 1); /* too short for the next: it is dropped */
	network_link_send(net.ends[1], frame, sizeof(frame));
	rig_serve(rig);
	CHECK_NUMBER(rig_used(rig, 0), 1);
	network_link_send(net.ends[1], frame, sizeof(frame) - 1);
	rig_serve(rig);
	CHECK_NUMBER(rig_used(rig, 0), 2);
	CHECK_NUMBER(rig_used_head(rig, 0, 1), 1);
	CHECK(!rig_is_broken(rig));
	offer_buffer(rig, 2, HEAD); /* no room for any */
	network_link_send(net.ends[1], frame, sizeof(frame));
	rig_serve(rig);
	CHECK(rig_is_broken(rig));
	net_release(&net);
}

static void test_net_limit(void)
{
	struct net_rig net = net_rig();
	net_begin(&net);
	net.backing.limit.operations = 8;
	send_frame(&net, 0, 1);
	CHECK_NUMBER(rig_used(net.rig, 1), 1);
	send_frame(&net, 2, 1);
	CHECK_NUMBER(rig_used(net.rig, 1), 1);
	CHECK(bus_due(net.rig->bus) > 0);
	while (clock_now_ns() < bus_due(net.rig->bus))
		rig_serve(net.rig);
	rig_serve(net.rig);
	CHECK_NUMBER(rig_used(net.rig, 1), 2);
	net_release(&net);
}

/* ── console ─────────────────────────────────────────────────────────────────────────────────── */

struct heard {
	char text[64];
	size_t length;
};

static int respond(void *context, const void *data, size_t length, uint64_t deadline_ns)
{
	struct heard *heard = context;
	(void)deadline_ns;
	if (!CHECK(length < sizeof(heard->text) - heard->length))
		return 0;
	memcpy(heard->text + heard->length, data, length);
	heard->length += length;
	return 0;
}

static void test_console(void)
{
	struct error error = {0};
	struct heard heard = {0};
	enum device_next next;
	struct rig *rig = rig_create(&virtio_console, NULL, VIRTIO_MMIO);
	CHECK_NUMBER(window_create(&rig->slot.window, &error), 0);
	rig->request = (struct request){
	    .data = "request", .length = 7, .fd = -1, .respond = respond, .context = &heard};
	rig_set_up(rig, 0, 2);
	/* In two buffers, as the first is too small; a third one waits for ever. */
	offer_buffer(rig, 0, 4);
	offer_buffer(rig, 1, 100);
	offer_buffer(rig, 2, 100);
	CHECK_NUMBER(rig_used(rig, 0), 2);
	CHECK_NUMBER(rig_written(rig, 0, 0), 4);
	CHECK_NUMBER(rig_written(rig, 0, 1), 3);
	CHECK(!memcmp(rig->memory + RIG_DATA, "requ", 4));
	CHECK(!memcmp(rig->memory + RIG_DATA + 0x1000, "est", 3));
	CHECK_NUMBER(bus_due(rig->bus), 0);

	memcpy(rig->memory + PAYLOAD, "response", 8);
	rig_describe(rig, 1, 0, PAYLOAD, 3, NEXT, 1);
	rig_describe(rig, 1, 1, PAYLOAD + 3, 5, 0, 0);
	rig_offer(rig, 1, 0);
	rig_notify(rig, 1);
	CHECK_NUMBER(rig_used(rig, 1), 1);
	CHECK_NUMBER(bus_flush(rig->bus, &rig->slot, &next, &error), 0);
	CHECK_TEXT(heard.text, "response");
	window_release(&rig->slot.window);
	rig_release(rig);
}

/* A request that is still coming: the guest is not kept waiting in the device. */
static void test_console_waits(void)
{
	struct error error = {0};
	int ends[2];
	struct rig *rig = rig_create(&virtio_console, NULL, VIRTIO_MMIO);
	CHECK_NUMBER(window_create(&rig->slot.window, &error), 0);
	CHECK(!pipe2(ends, O_CLOEXEC));
	rig->request = (struct request){.data = "", .fd = ends[0]};
	rig_set_up(rig, 0, 2);
	offer_buffer(rig, 0, 100);
	CHECK_NUMBER(rig_used(rig, 0), 0);
	CHECK(bus_due(rig->bus) > 0);
	CHECK(write(ends[1], "late", 4) == 4);
	rig_serve(rig);
	CHECK_NUMBER(rig_used(rig, 0), 1);
	CHECK(!memcmp(rig->memory + RIG_DATA, "late", 4));
	close(ends[0]);
	close(ends[1]);
	window_release(&rig->slot.window);
	rig_release(rig);
}

/* ── saved states ────────────────────────────────────────────────────────────────────────────── */

/* A device that waits goes on in a clone; its bucket is full there. */
static void test_saved_block(void)
{
	struct error error = {0};
	cleanup_free uint8_t *data = NULL;
	size_t length;
	struct virtio_disk disk;
	struct rig *rig = block_rig(&disk);
	disk.limit.operations = 1;
	CHECK_NUMBER(do_request(rig, READ, 0, 512), 0);
	offer_request(rig, READ, 1, 512);
	rig_notify(rig, 0);
	CHECK_NUMBER(rig_used(rig, 0), 1);
	CHECK_NUMBER(bus_save(rig->bus, &data, &length, &error), 0);
	CHECK_NUMBER(bus_load(rig->bus, NULL, 0, &error), 0);
	CHECK_NUMBER(bus_due(rig->bus), 0);
	CHECK_NUMBER(bus_load(rig->bus, data, length, &error), 0);
	CHECK(bus_due(rig->bus) > 0);
	rig_serve(rig);
	CHECK_NUMBER(rig_used(rig, 0), 2);
	CHECK_NUMBER(rig->memory[PAYLOAD], 2);
	data[length - 1] = 2;
	CHECK_NUMBER(bus_load(rig->bus, data, length, &error), -EBADMSG);
	block_release(rig, &disk);
}

/* Frames for the request before do not reach the next one. */
static void test_saved_net(void)
{
	struct error error = {0};
	cleanup_free uint8_t *data = NULL;
	const uint8_t frame[FRAME_SIZE] = {0};
	size_t length;
	struct net_rig net = net_rig();
	net_begin(&net);
	offer_buffer(net.rig, 0, 2048);
	CHECK_NUMBER(bus_save(net.rig->bus, &data, &length, &error), 0);
	network_link_send(net.ends[1], frame, sizeof(frame));
	CHECK_NUMBER(bus_load(net.rig->bus, data, length, &error), 0);
	rig_serve(net.rig);
	CHECK_NUMBER(rig_used(net.rig, 0), 0);
	network_link_send(net.ends[1], frame, sizeof(frame));
	rig_serve(net.rig);
	CHECK_NUMBER(rig_used(net.rig, 0), 1);
	for (size_t cut = 0; cut < length; cut++)
		CHECK_NUMBER(bus_load(net.rig->bus, data, cut, &error), -EBADMSG);
	net_release(&net);
}

int main(void)
{
	make_file();
	test_block();
	test_block_pieces();
	test_block_read_only();
	test_block_limit();
	test_block_bounds();
	test_saved_block();
	test_block_errors();
	test_request_disk();
	test_room_of_request();
	test_rates();
	test_disk_refusals();
	unlink(disk_path);
	test_net_send();
	test_net_receive();
	test_net_limit();
	test_saved_net();
	test_console();
	test_console_waits();
	return check_status();
}
