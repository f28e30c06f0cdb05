/* System calls that ask how much there is, was used, or may be used. */
#include <errno.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/time.h>

#include "calls.h"
#include "files.h"
#include "libos.h"
#include "pool.h"
#include "signals.h"
#include "text.h"
#include "thread.h"

#define PAGE_KIB (GUEST_PAGE_SIZE / 1024)

/* Limits are told, not enforced: memory and time are bounded outside of the guest, descriptors by
 * their table. */
static int64_t report_limit(uint64_t resource, uint64_t address)
{
	uint64_t value = RLIM_INFINITY;
	if ((uint32_t)resource >= RLIM_NLIMITS)
		return -EINVAL;
	switch ((uint32_t)resource) {
	case RLIMIT_STACK:
		value = libos_start_info.stack_size;
		break;
	case RLIMIT_NOFILE:
		value = DESCRIPTOR_COUNT;
		break;
	case RLIMIT_NPROC:
		value = 1;
		break;
	case RLIMIT_SIGPENDING:
		value = SIGNALS_QUEUED_MAX;
		break;
	case RLIMIT_CORE:
		value = 0;
		break;
	default:
		break;
	}
	struct rlimit limit = {.rlim_cur = value, .rlim_max = value};
	return user_copy_out(address, &limit, sizeof(limit));
}

static int64_t accept_limit(uint64_t resource, uint64_t address)
{
	struct rlimit limit;
	int error = user_copy_in(&limit, address, sizeof(limit));
	if (error)
		return error;
	if ((uint32_t)resource >= RLIM_NLIMITS || limit.rlim_cur > limit.rlim_max)
		return -EINVAL;
	return 0;
}

int64_t call_getrlimit(const uint64_t arguments[6])
{
	return report_limit(arguments[0], arguments[1]);
}

int64_t call_setrlimit(const uint64_t arguments[6])
{
	return accept_limit(arguments[0], arguments[1]);
}

int64_t call_prlimit64(const uint64_t arguments[6])
{
	if ((uint32_t)arguments[0] && (uint32_t)arguments[0] != PROCESS_ID)
		return -ESRCH;
	if ((uint32_t)arguments[1] >= RLIM_NLIMITS)
		return -EINVAL;
	int64_t error = arguments[2] ? accept_limit(arguments[1], arguments[2]) : 0;
	if (!error && arguments[3])
		error = report_limit(arguments[1], arguments[3]);
	return error;
}

int64_t call_getrusage(const uint64_t arguments[6])
{
	struct rusage usage = {0};
	if ((int32_t)arguments[0] == RUSAGE_CHILDREN)
		return user_copy_out(arguments[1], &usage, sizeof(usage));
	if ((int32_t)arguments[0] != RUSAGE_SELF && (int32_t)arguments[0] != RUSAGE_THREAD)
		return -EINVAL;
	uint64_t used_ns = time_process_ns();
	usage.ru_utime.tv_sec = (time_t)(used_ns / NANOSECONDS);
	usage.ru_utime.tv_usec = (suseconds_t)(used_ns % NANOSECONDS / 1000);
	usage.ru_maxrss = (long)((pool_total_pages() - pool_free_pages()) * PAGE_KIB);
	return user_copy_out(arguments[1], &usage, sizeof(usage));
}

int64_t call_sysinfo(const uint64_t arguments[6])
{
	struct sysinfo information = {
	    .uptime = (long)(time_now_ns(false) / NANOSECONDS),
	    .totalram = pool_total_pages() * GUEST_PAGE_SIZE,
	    .freeram = pool_free_pages() * GUEST_PAGE_SIZE,
	    .procs = 1,
	    .mem_unit = 1,
	};
	return user_copy_out(arguments[0], &information, sizeof(information));
}

/* Is that one of the program's threads? 0 is the one that asks. */
static bool thread_named(uint64_t number)
{
	return !(uint32_t)number || thread_find((int32_t)number);
}

int64_t call_sched_getaffinity(const uint64_t arguments[6])
{
	const uint64_t first_processor = 1;
	if (!thread_named(arguments[0]))
		return -ESRCH;
	if ((uint32_t)arguments[1] < sizeof(first_processor) || arguments[1] % sizeof(uint64_t))
		return -EINVAL;
	int error = user_copy_out(arguments[2], &first_processor, sizeof(first_processor));
	return error ? error : (int64_t)sizeof(first_processor);
}

int64_t call_sched_setaffinity(const uint64_t arguments[6])
{
	uint64_t processors = 0;
	uint64_t size = (uint32_t)arguments[1];
	if (!thread_named(arguments[0]))
		return -ESRCH;
	if (size > sizeof(processors))
		size = sizeof(processors);
	int error = user_copy_in(&processors, arguments[2], size);
	if (error)
		return error;
	return processors & 1 ? 0 : -EINVAL;
}

int64_t call_getcpu(const uint64_t arguments[6])
{
	const uint32_t zero = 0;
	int error = arguments[0] ? user_copy_out(arguments[0], &zero, sizeof(zero)) : 0;
	if (!error && arguments[1])
		error = user_copy_out(arguments[1], &zero, sizeof(zero));
	return error;
}

/* Does the pair of PRIO_… and a number name the program? Everything runs for the one user. */
static int find_prioritised(uint64_t which, uint64_t who)
{
	switch ((uint32_t)which) {
	case PRIO_PROCESS:
		return thread_named(who) ? 0 : -ESRCH;
	case PRIO_PGRP:
		return !(uint32_t)who || (uint32_t)who == PROCESS_ID ? 0 : -ESRCH;
	case PRIO_USER:
		return !(uint32_t)who || (int64_t)(uint32_t)who == call_getuid(NULL) ? 0 : -ESRCH;
	default:
		return -EINVAL;
	}
}

int64_t call_getpriority(const uint64_t arguments[6])
{
	int error = find_prioritised(arguments[0], arguments[1]);
	return error ? error : 20; /* nice 0, as the system call counts */
}

int64_t call_setpriority(const uint64_t arguments[6])
{
	return find_prioritised(arguments[0], arguments[1]);
}
