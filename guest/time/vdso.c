/* The vDSO: a small shared library that lies in the library OS's image and that C libraries find by
 * AT_SYSINFO_EHDR. It tells the time without a system call; what it cannot tell it asks the library
 * OS. Names and meaning of the functions are Linux', see vdso(7). */
#include <stddef.h>
#include <sys/syscall.h>
#include <sys/time.h>

#include "arch/vdso.h"
#include "guest/machine/clock.h"

#define EXPORTED __attribute__((visibility("default")))

int __vdso_clock_gettime(clockid_t clock, struct timespec *time) EXPORTED;
int __vdso_clock_getres(clockid_t clock, struct timespec *resolution) EXPORTED;
int __vdso_gettimeofday(struct timeval *time, struct timezone *zone) EXPORTED;
time_t __vdso_time(time_t *seconds) EXPORTED;
int __vdso_getcpu(unsigned *processor, unsigned *node, void *unused) EXPORTED;

static bool read_clock(enum clock_kind kind, uint64_t *nanoseconds)
{
	const volatile struct guest_control *control =
	    (const volatile struct guest_control *)GUEST_WINDOW_BASE;
	uint64_t elapsed;
	if (kind == CLOCK_KIND_UNKNOWN || !clock_elapsed(&control->clock, &elapsed))
		return false;
	if (kind == CLOCK_KIND_REAL) {
		*nanoseconds = elapsed + control->clock.realtime_ns;
		return true;
	}
	*nanoseconds = elapsed + control->clock.monotonic_ns;
	/* Nothing else runs while the vDSO does, so the bases are those of this moment. */
	if (kind == CLOCK_KIND_PROCESS)
		*nanoseconds = clock_used(*nanoseconds, control->processor.process_base_ns);
	else if (kind == CLOCK_KIND_THREAD)
		*nanoseconds = clock_used(*nanoseconds, control->processor.thread_base_ns);
	return true;
}

int __vdso_clock_gettime(clockid_t clock, struct timespec *time)
{
	uint64_t now;
	if (!read_clock(clock_kind((uint32_t)clock), &now))
		return (int)vdso_system_call(SYS_clock_gettime, (uint64_t)clock, (uint64_t)time);
	time->tv_sec = (time_t)(now / NANOSECONDS);
	time->tv_nsec = (long)(now % NANOSECONDS);
	return 0;
}

int __vdso_clock_getres(clockid_t clock, struct timespec *resolution)
{
	if (clock_kind((uint32_t)clock) == CLOCK_KIND_UNKNOWN)
		return (int)vdso_system_call(SYS_clock_getres, (uint64_t)clock,
					     (uint64_t)resolution);
	if (resolution) {
		resolution->tv_sec = 0;
		resolution->tv_nsec = CLOCK_RESOLUTION_NS;
	}
	return 0;
}

int __vdso_gettimeofday(struct timeval *time, struct timezone *zone)
{
	uint64_t now;
	if (!read_clock(CLOCK_KIND_REAL, &now))
		return (int)vdso_system_call(SYS_gettimeofday, (uint64_t)time, (uint64_t)zone);
	if (time) {
		time->tv_sec = (time_t)(now / NANOSECONDS);
		time->tv_usec = (suseconds_t)(now % NANOSECONDS / 1000);
	}
	if (zone) {
		zone->tz_minuteswest = 0;
		zone->tz_dsttime = 0;
	}
	return 0;
}

time_t __vdso_time(time_t *seconds)
{
	uint64_t now;
	if (!read_clock(CLOCK_KIND_REAL, &now))
		return (time_t)vdso_system_call(SYS_time, (uint64_t)seconds, 0);
	if (seconds)
		*seconds = (time_t)(now / NANOSECONDS);
	return (time_t)(now / NANOSECONDS);
}

/* There is one. */
int __vdso_getcpu(unsigned *processor, unsigned *node, void *unused)
{
	if (processor)
		*processor = 0;
	if (node)
		*node = 0;
	return 0;
}
