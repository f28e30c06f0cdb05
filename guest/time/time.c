/* System calls that tell the time, or wait for one. */
#include <errno.h>
#include <sys/time.h>
#include <sys/times.h>
#include <time.h>

#include "guest/lib/system_call.h"
#include "guest/machine/clock.h"
#include "guest/mm/user_memory.h"
#include "guest/sched/process.h"
#include "guest/sched/processor_time.h"
#include "guest/sched/thread.h"
#include "guest/sched/timespec.h"

static int read_clock(uint64_t clock, uint64_t *nanoseconds)
{
	switch (clock_kind((uint32_t)clock)) {
	case CLOCK_KIND_REAL:
		*nanoseconds = clock_read_ns(true);
		return 0;
	case CLOCK_KIND_MONOTONIC:
		*nanoseconds = clock_read_ns(false);
		return 0;
	case CLOCK_KIND_PROCESS:
	case CLOCK_KIND_THREAD:
	case CLOCK_KIND_UNKNOWN:
		break;
	}
	return processor_clock_read((uint32_t)clock, nanoseconds);
}

SYSTEM_CALL(clock_gettime)
{
	uint64_t now;
	int error = read_clock(arguments[0], &now);
	return error ? error : timespec_report(arguments[1], now);
}

SYSTEM_CALL(clock_getres)
{
	uint64_t now;
	int error = read_clock(arguments[0], &now);
	if (error || !arguments[1])
		return error;
	return timespec_report(arguments[1], CLOCK_RESOLUTION_NS);
}

SYSTEM_CALL(gettimeofday)
{
	uint64_t now = clock_read_ns(true);
	struct timeval time = {
	    .tv_sec = (time_t)(now / NANOSECONDS),
	    .tv_usec = (suseconds_t)(now % NANOSECONDS / 1000),
	};
	const struct timezone utc = {0};
	int error = arguments[0] ? user_copy_out(arguments[0], &time, sizeof(time)) : 0;
	if (!error && arguments[1])
		error = user_copy_out(arguments[1], &utc, sizeof(utc));
	return error;
}

SYSTEM_CALL(time)
{
	int64_t seconds = (int64_t)(clock_read_ns(true) / NANOSECONDS);
	int error = arguments[0] ? user_copy_out(arguments[0], &seconds, sizeof(seconds)) : 0;
	return error ? error : seconds;
}

SYSTEM_CALL(times)
{
	uint64_t now = clock_read_ns(false);
	struct tms used = {
	    .tms_utime = (clock_t)(processor_time() / CLOCK_TICK_NS),
	    .tms_cutime = (clock_t)(process_current()->children_ns / CLOCK_TICK_NS),
	};
	int error = arguments[0] ? user_copy_out(arguments[0], &used, sizeof(used)) : 0;
	return error ? error : (int64_t)(now / CLOCK_TICK_NS);
}

static const char sleep_channel;

/* Lets the other threads run for that long. `remaining`: where to write what is left when a handler
 * ended the sleep; or 0. */
static int64_t sleep_thread(uint64_t duration, uint64_t remaining)
{
	uint64_t deadline = clock_deadline_ns(duration);
	int error = thread_wait(&sleep_channel, deadline, "a time");
	if (error == -ETIMEDOUT)
		return 0;
	if (error == -EINTR && remaining) {
		uint64_t now = clock_read_ns(false);
		int fault = timespec_report(remaining, deadline > now ? deadline - now : 0);
		if (fault)
			return fault;
	}
	return error;
}

SYSTEM_CALL(nanosleep)
{
	uint64_t duration;
	int error = timespec_read(arguments[0], &duration);
	return error ? error : sleep_thread(duration, arguments[1]);
}

/* clock_nanosleep() by a clock of processor time. */
static int64_t sleep_processor(uint32_t clock, uint64_t now, uint64_t duration,
			       const uint64_t arguments[6])
{
	const bool absolute = arguments[1] & TIMER_ABSTIME;
	const uint64_t until = absolute ? duration : now + duration;
	int error = processor_clock_wait(clock, until);
	if (error != -EINTR || absolute || !arguments[3] || processor_clock_read(clock, &now))
		return error;
	int fault = timespec_report(arguments[3], until > now ? until - now : 0);
	return fault ? fault : error;
}

SYSTEM_CALL(clock_nanosleep)
{
	uint64_t duration, now;
	int error = read_clock(arguments[0], &now);
	uint32_t clock = (uint32_t)arguments[0];
	if (!error && (clock == CLOCK_THREAD_CPUTIME_ID || clock == CLOCK_MONOTONIC_RAW ||
		       clock == CLOCK_REALTIME_COARSE || clock == CLOCK_MONOTONIC_COARSE))
		error = -EOPNOTSUPP; /* as on Linux: these clocks can only be read */
	if (!error)
		error = timespec_read(arguments[2], &duration);
	if (error)
		return error;
	if (clock_kind(clock) == CLOCK_KIND_PROCESS || (int32_t)clock < 0)
		return sleep_processor(clock, now, duration, arguments);
	if (arguments[1] & TIMER_ABSTIME)
		duration = duration > now ? duration - now : 0;
	return duration ? sleep_thread(duration, arguments[1] & TIMER_ABSTIME ? 0 : arguments[3])
			: 0;
}
