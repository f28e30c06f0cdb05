/* Virtio devices and a kernel that drives them, in a true machine: blocks are read, and frames come
 * back. The kernel is the test's own (virtio_guest.c); it runs as kernels run here, in ring 0 or
 * deprivileged. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "check.h"
#include "monitor/devices/virtio/attach.h"
#include "monitor/devices/virtio/block.h"
#include "monitor/devices/virtio/net.h"
#include "monitor/slot/slot.h"
#include "rig.h"
#include "util/cleanup.h"
#include "virtio_guest.h"

#define FRAME_SIZE   600U
#define DISK_SIZE    (4096U * VIRTIO_GUEST_READS)
#define TABLE	     (KERNEL_TABLES + 0x1000)
#define PRESENT	     1U
#define WRITABLE     2U
#define NOT_CACHED   0x10U
#define LARGE	     0x80U
#define ENTRY(at, i) ((at) + 8UL * (i))

struct guest {
	struct kernel_rig rig;
	struct slot slot;
	struct request_result result;
	struct request request;
	struct bus *bus;
	struct virtio_devices devices;
	struct virtio_disk disk;
	struct virtio_net_link net;
	struct network_link *other; /* end of the cable */
};

/* The first 2 MiB from 0xd0000000 on, where the devices are. */
static void map_devices(uint8_t *memory)
{
	const uint64_t table = TABLE | PRESENT | WRITABLE;
	const uint64_t devices = VIRTIO_GUEST_BLOCK | LARGE | NOT_CACHED | PRESENT | WRITABLE;
	memcpy(memory + ENTRY(KERNEL_ROOT + 0x1000, VIRTIO_GUEST_BLOCK >> 30), &table,
	       sizeof(table));
	memcpy(memory + ENTRY(TABLE, VIRTIO_GUEST_BLOCK >> 21 & 511), &devices, sizeof(devices));
}

/* A file of numbers, and the sum that the guest makes of it. */
static uint32_t make_disk(struct guest *guest)
{
	char path[] = "/tmp/test-virtio-guest-XXXXXX";
	struct error error = {0};
	uint8_t data[DISK_SIZE];
	uint32_t sum = 0;
	cleanup_close int fd = mkstemp(path);
	for (size_t i = 0; i < sizeof(data); i++) {
		data[i] = (uint8_t)(i * 7 + (i >> 9));
		sum = sum * 31 + data[i];
	}
	CHECK(fd >= 0 && write(fd, data, sizeof(data)) == sizeof(data));
	CHECK_NUMBER(virtio_disk_open(&guest->disk, "data", path, VIRTIO_SECTOR_SIZE, &error), 0);
	unlink(path);
	return sum;
}

static void attach(struct guest *guest)
{
	struct error error = {0};
	char parameters[VIRTIO_PARAMETERS_SIZE];
	struct network_link *ends[2] = {0};
	CHECK_NUMBER(network_loop_open(ends, &error), 0);
	guest->net.link = ends[0];
	guest->other = ends[1];
	guest->bus = bus_create(&error);
	CHECK_NUMBER(virtio_devices_add(&guest->devices, &virtio_block, &guest->disk, &error), 0);
	CHECK_NUMBER(virtio_devices_add(&guest->devices, &virtio_net, &guest->net, &error), 0);
	CHECK_NUMBER(
	    virtio_attach_all(guest->bus, &guest->devices, VIRTIO_MMIO, parameters, &error), 0);
	guest->slot = (struct slot){.deadline_ns = UINT64_MAX,
				    .machine = guest->rig.machine,
				    .request = &guest->request,
				    .result = &guest->result};
}

static bool begin(struct guest *guest)
{
	if (!rig_open(&guest->rig, kernel_entry))
		return false;
	uint8_t *memory = guest->rig.image.memory;
	map_devices(memory);
	memcpy(memory + VIRTIO_GUEST_CODE, __start_virtio_guest,
	       (size_t)(__stop_virtio_guest - __start_virtio_guest));
	guest->rig.start.rip =
	    VIRTIO_GUEST_CODE + (uint64_t)((const char *)virtio_guest_entry - __start_virtio_guest);
	guest->rig.start.rsp = KERNEL_STACK - 8; /* as behind a call */
	return rig_create(&guest->rig, true);
}

/* Serves devices up to the next report; UINT64_MAX for another stop. */
static uint64_t run(struct guest *guest, enum machine_entry entry)
{
	struct kernel_rig *rig = &guest->rig;
	struct error error = {0};
	enum machine_stop stop;
	while ((stop = rig_run(rig, entry)) == MACHINE_MEMORY) {
		bool found;
		enum device_next next;
		CHECK_NUMBER(
		    bus_access(guest->bus, &guest->slot, &rig->exit, &found, &next, &error), 0);
		if (!CHECK(found && next == DEVICE_CONTINUES))
			break;
		entry = MACHINE_CONTINUE;
	}
	uint32_t value;
	if (stop != MACHINE_PORT || rig->exit.access.address != KERNEL_PORT) {
		rig_explain(rig);
		return UINT64_MAX;
	}
	memcpy(&value, rig->exit.access.data, sizeof(value));
	return value;
}

static void send_frames(struct guest *guest)
{
	for (unsigned i = 0; i < VIRTIO_GUEST_FRAMES; i++) {
		uint8_t frame[FRAME_SIZE];
		memset(frame, (int)i, sizeof(frame));
		memset(frame, 0xa0, 6);
		memset(frame + 6, 0xb0, 6);
		network_link_send(guest->other, frame, sizeof(frame) - i);
	}
}

static void check_frames(struct guest *guest)
{
	for (unsigned i = 0; i < VIRTIO_GUEST_FRAMES; i++) {
		uint8_t frame[2 * FRAME_SIZE];
		CHECK_NUMBER(network_link_receive(guest->other, frame, sizeof(frame)),
			     FRAME_SIZE - i);
		CHECK(frame[0] == 0xb0 && frame[6] == 0xa0 && frame[FRAME_SIZE - 1 - i] == i);
	}
}

int main(void)
{
	static struct guest guest;
	struct error error = {0};
	if (isolation_kvm.probe(&error)) {
		fprintf(stderr, "skipped: %s\n", error.text);
		return CHECK_SKIPPED;
	}
	if (begin(&guest)) {
		const uint32_t sum = make_disk(&guest);
		attach(&guest);
		const uint64_t began_ns = clock_now_ns();
		CHECK_NUMBER(run(&guest, MACHINE_START), sum);
		const uint64_t read_ns = clock_now_ns();
		send_frames(&guest);
		CHECK_NUMBER(run(&guest, MACHINE_CONTINUE), VIRTIO_GUEST_FRAMES);
		fprintf(stderr, "%d reads of 4 KiB: %lu us; %d frames there and back: %lu us\n",
			VIRTIO_GUEST_READS, (read_ns - began_ns) / 1000, VIRTIO_GUEST_FRAMES,
			(clock_now_ns() - read_ns) / 1000);
		check_frames(&guest);
		bus_release(guest.bus);
		network_link_release(guest.net.link);
		network_link_release(guest.other);
		close(guest.disk.fd);
	}
	rig_close(&guest.rig);
	return check_status();
}
