/* A monitor's control group has room for all that a guest can have its monitor hold. */
#include "check.h"
#include "monitor/devices/virtio/accel.h"
#include "monitor/sandbox/cgroup_limits.h"
#include "monitor/slot/request_disk.h"

#define SLOTS 100UL

static uint64_t memory_of(struct cgroup_needs needs)
{
	struct confine_cgroup_limits limits;
	cgroup_limits_of_monitor(&needs, &limits);
	return limits.memory;
}

int main(void)
{
	const struct cgroup_needs least = {.image_bytes = 1UL << 20, .slots = SLOTS};
	struct cgroup_needs needs = least;
	needs.has_devices = true;
	CHECK(memory_of(needs) >= memory_of(least) + SLOTS * (REQUEST_DISK_MAX + ACCEL_BYTES_MAX));
	struct cgroup_needs shares = least;
	shares.shares = true; /* both the process's own pages and its file's */
	CHECK(memory_of(shares) >= memory_of(least) + 2 * SLOTS * least.image_bytes);
	needs.work_bytes = UINT64_MAX;
	CHECK_NUMBER(memory_of(needs), UINT64_MAX);
	needs = (struct cgroup_needs){.image_bytes = UINT64_MAX, .slots = UINT64_MAX};
	CHECK_NUMBER(memory_of(needs), UINT64_MAX);
	return check_status();
}
