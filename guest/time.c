/* Time: read inside the guest from the time stamp counter and the parameters in the control page;
 * only sleeping (and the clock, where the counter cannot serve) asks the monitor. */
#include <errno.h>
#include <sys/time.h>
#include <sys/times.h>
#include <time.h>

#include "calls.h"
#include "clock.h"
#include "libos.h"
#include "thread.h"

#define TICKS_PER_SECOND 100 /* the unit of times(2) */

static uint64_t started_ns; /* the monotonic clock when this clone began */

uint64_t time_now_ns(bool realtime)
{
	const volatile struct guest_clock *clock = &machine_control()->clock;
	uint64_t elapsed = 0;
	if (!clock_elapsed(clock, &elapsed))
		machine_hypercall(HYPERCALL_CLOCK, 0, 0, 0);
	return (realtime ? clock->realtime_ns : clock->monotonic_ns) + elapsed;
}

void time_start(void)
{
	started_ns = time_now_ns(false);
}

uint64_t time_started_ns(void)
{
	return started_ns;
}

uint64_t time_process_ns(void)
{
	return time_now_ns(false) - started_ns;
}

uint64_t time_deadline_ns(uint64_t nanoseconds)
{
	uint64_t deadline;
	if (__builtin_add_overflow(time_now_ns(false), nanoseconds, &deadline))
		deadline = THREAD_NO_DEADLINE - 1;
	return deadline;
}

void time_sleep(uint64_t nanoseconds)
{
	machine_hypercall(HYPERCALL_SLEEP, nanoseconds, 0, 0);
}

int time_read_timespec(uint64_t address, uint64_t *nanoseconds)
{
	struct timespec time;
	int error = user_copy_in(&time, address, sizeof(time));
	if (error)
		return error;
	if (time.tv_sec < 0 || time.tv_nsec < 0 || (uint64_t)time.tv_nsec >= NANOSECONDS)
		return -EINVAL;
	/* More than 584 years are all the same. */
	if (__builtin_mul_overflow((uint64_t)time.tv_sec, NANOSECONDS, nanoseconds) ||
	    __builtin_add_overflow(*nanoseconds, (uint64_t)time.tv_nsec, nanoseconds))
		*nanoseconds = UINT64_MAX - 1;
	return 0;
}

static int read_clock(uint64_t clock, uint64_t *nanoseconds)
{
	switch (clock_kind((uint32_t)clock)) {
	case CLOCK_KIND_REAL:
		*nanoseconds = time_now_ns(true);
		return 0;
	case CLOCK_KIND_MONOTONIC:
		*nanoseconds = time_now_ns(false);
		return 0;
	case CLOCK_KIND_PROCESSOR:
		*nanoseconds = time_process_ns();
		return 0;
	case CLOCK_KIND_UNKNOWN:
		break;
	}
	return -EINVAL;
}

static int report_timespec(uint64_t address, uint64_t nanoseconds)
{
	struct timespec time = {
	    .tv_sec = (time_t)(nanoseconds / NANOSECONDS),
	    .tv_nsec = (long)(nanoseconds % NANOSECONDS),
	};
	return user_copy_out(address, &time, sizeof(time));
}

int64_t call_clock_gettime(const uint64_t arguments[6])
{
	uint64_t now;
	int error = read_clock(arguments[0], &now);
	return error ? error : report_timespec(arguments[1], now);
}

int64_t call_clock_getres(const uint64_t arguments[6])
{
	uint64_t now;
	int error = read_clock(arguments[0], &now);
	if (error || !arguments[1])
		return error;
	return report_timespec(arguments[1], CLOCK_RESOLUTION_NS);
}

int64_t call_gettimeofday(const uint64_t arguments[6])
{
	uint64_t now = time_now_ns(true);
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

int64_t call_time(const uint64_t arguments[6])
{
	int64_t seconds = (int64_t)(time_now_ns(true) / NANOSECONDS);
	int error = arguments[0] ? user_copy_out(arguments[0], &seconds, sizeof(seconds)) : 0;
	return error ? error : seconds;
}

int64_t call_times(const uint64_t arguments[6])
{
	uint64_t now = time_now_ns(false);
	const uint64_t tick = NANOSECONDS / TICKS_PER_SECOND;
	struct tms used = {.tms_utime = (clock_t)((now - started_ns) / tick)};
	int error = arguments[0] ? user_copy_out(arguments[0], &used, sizeof(used)) : 0;
	return error ? error : (int64_t)(now / tick);
}

static const char sleep_channel;

/* Lets the other threads run for that long. `remaining`: where to write what is left when a handler
 * ended the sleep; or 0. */
static int64_t sleep_thread(uint64_t duration, uint64_t remaining)
{
	uint64_t deadline = time_deadline_ns(duration);
	int error = thread_wait(&sleep_channel, deadline, "a time");
	if (error == -ETIMEDOUT)
		return 0;
	if (error == -EINTR && remaining) {
		uint64_t now = time_now_ns(false);
		int fault = report_timespec(remaining, deadline > now ? deadline - now : 0);
		if (fault)
			return fault;
	}
	return error;
}

int64_t call_nanosleep(const uint64_t arguments[6])
{
	uint64_t duration;
	int error = time_read_timespec(arguments[0], &duration);
	return error ? error : sleep_thread(duration, arguments[1]);
}

int64_t call_clock_nanosleep(const uint64_t arguments[6])
{
	uint64_t duration, now;
	int error = read_clock(arguments[0], &now);
	uint32_t clock = (uint32_t)arguments[0];
	if (!error && (clock == CLOCK_THREAD_CPUTIME_ID || clock == CLOCK_MONOTONIC_RAW ||
		       clock == CLOCK_REALTIME_COARSE || clock == CLOCK_MONOTONIC_COARSE))
		error = -EOPNOTSUPP; /* as on Linux: these are for reading */
	if (!error)
		error = time_read_timespec(arguments[2], &duration);
	if (error)
		return error;
	if (arguments[1] & TIMER_ABSTIME)
		duration = duration > now ? duration - now : 0;
	return duration ? sleep_thread(duration, arguments[1] & TIMER_ABSTIME ? 0 : arguments[3])
			: 0;
}
