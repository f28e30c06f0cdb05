/* The limits of a monitor's control group; see cgroup_limits.h. */
#include "cgroup_limits.h"

#include "mayfly/guest_abi.h"
#include "monitor/devices/virtio/accel.h"
#include "monitor/slot/request_disk.h"
#include "sizes/sizes.h"

/* The monitor's program and heap, the server of a root directory, what pipes and sockets hold, and
 * what the kernel keeps for all of them. */
#define MEMORY_OF_MONITOR (256UL << 20)

/* Page tables: the host's, KVM's, and its shadow of the guest's; 1/512 of the memory each, and up
 * to as much again where pages are written here and there. */
#define TABLES_PER_MEMORY 64

/* What the devices of a slot hold beside the guest's memory: a request that is read as a disk, and
 * the arguments of an accelerated op that lie in pieces. */
#define MEMORY_OF_DEVICES (REQUEST_DISK_MAX + ACCEL_BYTES_MAX)

/* The monitor, the server of a root directory, the one that takes its place. */
#define PROCESSES_OF_MONITOR 8

/* The monitor's thread, and the one that serves calls while a guest of Solo5 runs; and a guest process, and
 * the one that takes its place, or a virtual machine's threads in the kernel. */
#define PROCESSES_OF_SLOT 5

/* UINT64_MAX, no limit, stays what it is. */
static uint64_t sum(uint64_t a, uint64_t b)
{
	uint64_t result;
	return add_overflows(a, b, &result) ? UINT64_MAX : result;
}

static uint64_t product(uint64_t a, uint64_t b)
{
	uint64_t result;
	return mul_overflows(a, b, &result) ? UINT64_MAX : result;
}

void cgroup_limits_of_nothing(struct confine_cgroup_limits *limits)
{
	*limits = (struct confine_cgroup_limits){
	    .memory = MEMORY_OF_MONITOR,
	    .processes = PROCESSES_OF_MONITOR,
	};
}

void cgroup_limits_of_monitor(const struct cgroup_needs *needs,
			      struct confine_cgroup_limits *limits)
{
	const uint64_t image = needs->image_bytes;
	const uint64_t beside = WINDOW_SIZE + (needs->has_devices ? MEMORY_OF_DEVICES : 0);
	/* The image, and its copy while the set-up runs in it; a snapshot file, which may lie in
	 * memory as well; and all pages that a slot's machine may write, also into the file of shared
	 * ones, those of the one that it takes the place of, its window, and what its devices hold. */
	uint64_t memory = product(image, needs->saves ? 3 : 2);
	const uint64_t machine = product(image, needs->shares ? 2 : 1);
	memory = sum(memory, product(needs->slots, sum(product(machine, 2), beside)));
	memory = sum(memory, memory / TABLES_PER_MEMORY);
	cgroup_limits_of_nothing(limits);
	limits->memory = sum(limits->memory, sum(memory, needs->work_bytes));
	limits->processes = sum(limits->processes, product(needs->slots, PROCESSES_OF_SLOT));
}
