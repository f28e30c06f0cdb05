/* System calls that ask how much there is, was used, or may be used. */
#include "limits.h"

#include <errno.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/time.h>

#include "guest/lib/system_call.h"
#include "guest/machine/clock.h"
#include "guest/machine/hypercall.h"
#include "guest/mm/pool.h"
#include "guest/mm/user_memory.h"
#include "process.h"
#include "processor_time.h"
#include "thread.h"

#define PAGE_KIB (GUEST_PAGE_SIZE / 1024)

/* Limits are kept and reported, but only that of processes is enforced here: memory and time are
 * bounded outside of the guest, descriptors by their table. No limit can be higher than this. */
static uint64_t highest(uint32_t resource)
{
	switch (resource) {
	case RLIMIT_STACK:
		return libos_start_info.stack_size;
	case RLIMIT_NOFILE:
		return LIMIT_OPEN_FILES;
	case RLIMIT_NPROC:
		return PROCESSES_MAX;
	case RLIMIT_SIGPENDING:
		return LIMIT_PENDING_SIGNALS;
	case RLIMIT_CORE:
	case RLIMIT_NICE: /* no thread may get a higher priority */
	case RLIMIT_RTPRIO:
		return 0;
	default:
		return RLIM_INFINITY;
	}
}

struct process_limit limit_of(const struct process *process, uint32_t resource)
{
	const uint64_t most = highest(resource);
	return process->limits[resource].set ? process->limits[resource]
					     : (struct process_limit){.soft = most, .hard = most};
}

static int64_t report_limit(const struct process *process, uint64_t resource, uint64_t address)
{
	if ((uint32_t)resource >= RLIM_NLIMITS)
		return -EINVAL;
	const struct process_limit limit = limit_of(process, (uint32_t)resource);
	const struct rlimit told = {.rlim_cur = limit.soft, .rlim_max = limit.hard};
	return user_copy_out(address, &told, sizeof(told));
}

static int64_t accept_limit(struct process *process, uint64_t resource, uint64_t address)
{
	struct rlimit limit;
	int error = user_copy_in(&limit, address, sizeof(limit));
	if (error)
		return error;
	if ((uint32_t)resource >= RLIM_NLIMITS || limit.rlim_cur > limit.rlim_max)
		return -EINVAL;
	const uint64_t most = highest((uint32_t)resource);
	process->limits[(uint32_t)resource] = (struct process_limit){
	    .set = true,
	    .soft = limit.rlim_cur < most ? limit.rlim_cur : most,
	    .hard = limit.rlim_max < most ? limit.rlim_max : most,
	};
	return 0;
}

SYSTEM_CALL(getrlimit)
{
	return report_limit(process_current(), arguments[0], arguments[1]);
}

SYSTEM_CALL(setrlimit)
{
	return accept_limit(process_current(), arguments[0], arguments[1]);
}

SYSTEM_CALL(prlimit64)
{
	struct process *process =
	    (uint32_t)arguments[0] ? process_find(arguments[0]) : process_current();
	struct rlimit old;
	if (!process)
		return -ESRCH;
	if ((uint32_t)arguments[1] >= RLIM_NLIMITS)
		return -EINVAL;
	const struct process_limit limit = limit_of(process, (uint32_t)arguments[1]);
	old = (struct rlimit){.rlim_cur = limit.soft, .rlim_max = limit.hard};
	int64_t error = arguments[2] ? accept_limit(process, arguments[1], arguments[2]) : 0;
	if (!error && arguments[3])
		error = user_copy_out(arguments[3], &old, sizeof(old));
	return error;
}

void limits_describe_usage(struct rusage *usage, uint64_t used_ns)
{
	*usage = (struct rusage){
	    .ru_utime =
		{
		    .tv_sec = (time_t)(used_ns / NANOSECONDS),
		    .tv_usec = (suseconds_t)(used_ns % NANOSECONDS / 1000),
		},
	    .ru_maxrss = (long)((pool_total_pages() - pool_free_pages()) * PAGE_KIB),
	};
}

SYSTEM_CALL(getrusage)
{
	struct rusage usage = {0};
	switch ((int32_t)arguments[0]) {
	case RUSAGE_SELF:
		limits_describe_usage(&usage, processor_time());
		break;
	case RUSAGE_THREAD:
		limits_describe_usage(&usage, processor_time_of(thread_current()));
		break;
	case RUSAGE_CHILDREN:
		if (process_current()->children_ns)
			limits_describe_usage(&usage, process_current()->children_ns);
		break;
	default:
		return -EINVAL;
	}
	return user_copy_out(arguments[1], &usage, sizeof(usage));
}

SYSTEM_CALL(sysinfo)
{
	struct sysinfo information = {
	    .uptime = (long)(clock_read_ns(false) / NANOSECONDS),
	    .totalram = pool_total_pages() * GUEST_PAGE_SIZE,
	    .freeram = pool_free_pages() * GUEST_PAGE_SIZE,
	    .procs = (unsigned short)thread_count(),
	    .mem_unit = 1,
	};
	return user_copy_out(arguments[0], &information, sizeof(information));
}
