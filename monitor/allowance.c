/* The limits of a monitor's control group; see allowance.h. */
#include "allowance.h"

#include "monitor_internal.h"
#include "util/checked.h"

/* The monitor's program and heap, the server of a root directory, what pipes and sockets hold, and
 * what the kernel keeps for all of them. */
#define MEMORY_OF_MONITOR (256UL << 20)

/* Page tables: the host's, KVM's, and its shadow of the guest's; 1/512 of the memory each, and up
 * to as much again where pages are written here and there. */
#define TABLES_PER_MEMORY 64

/* The monitor, the server of a root directory, the one that takes its place. */
#define PROCESSES_OF_MONITOR 8

/* A guest process, and the one that takes its place; or a virtual machine's threads in the kernel.
 */
#define PROCESSES_OF_SLOT 4

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

void allowance_of_nothing(struct confine_cgroup_limits *limits)
{
	*limits = (struct confine_cgroup_limits){
	    .memory = MEMORY_OF_MONITOR,
	    .processes = PROCESSES_OF_MONITOR,
	};
}

void allowance_of_monitor(const struct monitor *monitor, const struct monitor_limits *wanted,
			  uint64_t slots, struct confine_cgroup_limits *limits)
{
	uint64_t image = monitor->image.size;
	/* The image, and its copy while the set-up runs in it; a snapshot file, which may lie in
	 * memory as well; and all pages that a slot's machine may write, those of the one that it
	 * takes the place of, and its window. */
	uint64_t memory = product(image, monitor->draft ? 3 : 2);
	memory = sum(memory, product(slots, sum(product(image, 2), WINDOW_SIZE)));
	memory = sum(memory, memory / TABLES_PER_MEMORY);
	allowance_of_nothing(limits);
	limits->memory = sum(limits->memory, sum(memory, wanted->work_bytes));
	limits->processes = sum(limits->processes, product(slots, PROCESSES_OF_SLOT));
	limits->cpus = wanted->cpus;
}
