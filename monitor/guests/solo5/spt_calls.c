/* The system calls of a Solo5 spt guest; see spt_calls.h.
 *
 * The guest's own code makes them, with registers of its choice, so each must be harmless with any
 * arguments that pass: pointers are into its own memory, or the call fails. There is none that makes
 * or changes memory, descriptors, processes or signals.
 */
#include "spt_calls.h"

#include <asm/prctl.h>
#include <sys/syscall.h>
#include <time.h>

#include "confine/filter.h"
#include "sizes/sizes.h"

static struct direct_condition equal(uint8_t argument, uint64_t value)
{
	return (struct direct_condition){argument, DIRECT_EQUAL, value};
}

static struct direct_call call_with(int number, struct direct_condition condition)
{
	return (struct direct_call){
	    .number = number,
	    .condition_count = 1,
	    .conditions = {condition},
	};
}

/* One whole block within the file. A position and not an offset that the kernel keeps: that could be
 * moved beyond what the filter compares. */
static struct direct_call block_call(int number, int descriptor, const struct spt_device *device)
{
	return (struct direct_call){
	    .number = number,
	    .condition_count = 3,
	    .conditions = {equal(1, (uint64_t)descriptor),
			   equal(3, device->block_size),
			   {4, DIRECT_AT_MOST, device->capacity - device->block_size}},
	};
}

static size_t list_device(const struct spt_device *device, int descriptor,
			  struct direct_call *calls)
{
	const uint64_t number = (uint64_t)descriptor;
	if (device->is_network) {
		calls[0] = call_with(SYS_read, equal(1, number));
		calls[1] = call_with(SYS_write, equal(1, number));
		return 2;
	}
	if (device->capacity < device->block_size)
		return 0;
	calls[0] = block_call(SYS_pread64, descriptor, device);
	if (device->read_only)
		return 1;
	calls[1] = block_call(SYS_pwrite64, descriptor, device);
	if (!device->rings_at)
		return 2;
	calls[2] = block_call(SYS_pread64, descriptor, device);
	calls[2].rings = true;
	calls[2].conditions[2] = equal(4, device->rings_at);
	return 3;
}

size_t spt_calls_list(const struct spt_device *devices, size_t count, struct direct_call *calls)
{
	const uint64_t epoll = DIRECT_FIRST + count, timer = epoll + 1;
	const struct direct_call own[] = {
	    call_with(SYS_write, equal(1, DIRECT_OUTPUT)),
	    {.number = SYS_exit_group},
	    call_with(SYS_epoll_pwait, equal(1, epoll)),
	    call_with(SYS_timerfd_settime, equal(1, timer)),
	    call_with(SYS_clock_gettime, equal(1, CLOCK_REALTIME)),
	    call_with(SYS_clock_gettime, equal(1, CLOCK_MONOTONIC)),
	    call_with(SYS_arch_prctl, equal(1, ARCH_SET_FS)),
	};
	size_t used = 0;
	for (; used < ARRAY_SIZE(own); used++)
		calls[used] = own[used];
	for (size_t i = 0; i < count; i++)
		used += list_device(&devices[i], DIRECT_FIRST + (int)i, calls + used);
	return used;
}

/* A guest's own calls come when its own filter is in force, and so does not see who watches the
 * monitor's: they are there "seldom". */
static const struct confine_call calls_of_guests[] = {
    CONFINE_CALL_SELDOM(epoll_pwait, "in a guest process: the guest waits"),
    CONFINE_CALL_SELDOM(timerfd_settime, "in a guest process: for how long"),
    CONFINE_CALL_SELDOM(pwrite64, "in a guest process: blocks that the guest writes; requests"),
    {.name = "arch_prctl",
     .number = SYS_arch_prctl,
     .purpose = "in a guest process: the guest's thread-local storage",
     .argument = 1,
     .mask = UINT32_MAX,
     .value = ARCH_SET_FS,
     .seldom = true},
};

const struct machine_rights spt_rights = {
    .calls = calls_of_guests,
    .call_count = ARRAY_SIZE(calls_of_guests),
};
