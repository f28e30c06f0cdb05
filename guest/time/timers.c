/* Timers that send signals: alarm, setitimer(2) and timer_create(2). Those of processor time run out
 * when the program, or a thread, has used so much of it; all of it is the user's. */
#include "timers.h"

#include <errno.h>
#include <sys/time.h>
#include <time.h>

#include "guest/lib/large_data.h"
#include "guest/lib/system_call.h"
#include "guest/machine/clock.h"
#include "guest/mm/heap.h"
#include "guest/mm/user_memory.h"
#include "guest/sched/process.h"
#include "guest/sched/processor_time.h"
#include "guest/sched/thread.h"
#include "guest/sched/timespec.h"
#include "guest/signal/signals.h"
#include "sizes/sizes.h"

#define INTERVAL_TIMERS 3 /* ITIMER_REAL, _VIRTUAL, _PROF: the first ones */
#define TIMERS_MAX	(INTERVAL_TIMERS + 32)
#define MICROSECOND_NS	1000UL

struct timer {
	bool exists;
	bool silent;	 /* SIGEV_NONE: the program only asks for its time */
	bool processor;	 /* of processor time: */
	int32_t user;	 /* that thread's, or 0 for the process's */
	uint64_t due_ns; /* monotonic, or of processor time; 0: not armed */
	uint64_t interval_ns;
	uint32_t clock;
	int signal, overruns;
	int32_t thread; /* 0: the process */
	uint64_t value;
};

struct timer_table {
	struct process *process;
	struct timer timers[TIMERS_MAX];
	uint32_t armed, processor_armed; /* the second are among the first */
};

#define FRESH_TABLE(owner)                                                                         \
	{                                                                                          \
		.process = (owner),                                                                \
		.timers = {                                                                        \
		    [ITIMER_REAL] = {.exists = true, .signal = SIGALRM},                           \
		    [ITIMER_VIRTUAL] = {.exists = true, .processor = true, .signal = SIGVTALRM},   \
		    [ITIMER_PROF] = {.exists = true, .processor = true, .signal = SIGPROF},        \
		},                                                                                 \
	}

LARGE_INITIALIZED_DATA struct timer_table timers_of_first = FRESH_TABLE(&process_first);

static struct timer_table *own_table(void)
{
	return process_current()->timers;
}

static uint64_t next_of_table(const struct timer_table *table)
{
	const struct timer *timer = table->timers;
	uint64_t next = NO_DEADLINE;
	for (size_t i = 0; table->armed && i < TIMERS_MAX; i++, timer++)
		if (timer->due_ns && !timer->processor && timer->due_ns < next)
			next = timer->due_ns;
	return next;
}

static uint64_t next_timer_ns(void)
{
	uint64_t next = NO_DEADLINE;
	for (struct process *process = &process_first; process; process = process->next) {
		const uint64_t one = process->timers ? next_of_table(process->timers) : NO_DEADLINE;
		next = one < next ? one : next;
	}
	return next;
}

/* When the thread's turn has to end, as the program has then used what a timer waits for. */
static uint64_t turn_ns(const struct thread *thread)
{
	const struct timer_table *table = thread->process->timers;
	uint64_t next = NO_DEADLINE;
	if (!table)
		return next;
	const struct timer *timer = table->timers;
	for (size_t i = 0; table->processor_armed && i < TIMERS_MAX; i++, timer++) {
		if (!timer->due_ns || !timer->processor)
			continue;
		const uint64_t due_ns = processor_time_until(thread, timer->user, timer->due_ns);
		next = due_ns < next ? due_ns : next;
	}
	return next;
}

/* The time by which the timer goes. */
static uint64_t timer_now(const struct timer_table *table, const struct timer *timer)
{
	return timer->processor ? processor_time_used(table->process, timer->user)
				: clock_read_ns(false);
}

static void set_due(struct timer_table *table, struct timer *timer, uint64_t due_ns)
{
	const uint32_t more = (due_ns != 0), less = (timer->due_ns != 0);
	table->armed += more - less;
	if (timer->processor)
		table->processor_armed += more - less;
	timer->due_ns = due_ns;
}

static void send_alarm(struct process *process, int signal)
{
	const siginfo_t information = {.si_signo = signal, .si_code = SI_KERNEL};
	signal_send_process(process, &information);
}

/* A timer's signal waits once; how often it ran out since is told with it (timer_getoverrun(2)). */
static void send_timer(struct timer_table *table, struct timer *timer, uint64_t missed)
{
	struct thread *thread = timer->thread ? thread_find(timer->thread) : NULL;
	int number = (int)(timer - table->timers) - INTERVAL_TIMERS;
	siginfo_t *waiting = signal_of_timer(table->process, thread, timer->signal, number);
	if (waiting)
		missed += (uint64_t)waiting->si_overrun + 1;
	timer->overruns = missed < INT32_MAX ? (int)missed : INT32_MAX;
	if (waiting) {
		waiting->si_overrun = timer->overruns;
		return;
	}
	siginfo_t information = {
	    .si_signo = timer->signal,
	    .si_code = SI_TIMER,
	    .si_timerid = number,
	    .si_overrun = timer->overruns,
	};
	information.si_ptr = (void *)timer->value;
	if (thread)
		signal_send_thread(thread, &information);
	else
		signal_send_process(table->process, &information);
}

static void expire(struct timer_table *table, struct timer *timer, uint64_t now_ns)
{
	uint64_t missed = 0;
	if (timer->interval_ns) {
		missed = (now_ns - timer->due_ns) / timer->interval_ns;
		set_due(table, timer, timer->due_ns + (missed + 1) * timer->interval_ns);
	} else {
		set_due(table, timer, 0);
	}
	if (timer->silent)
		return;
	if (timer < &table->timers[INTERVAL_TIMERS])
		send_alarm(table->process, timer->signal);
	else
		send_timer(table, timer, missed);
}

static void expire_table(struct timer_table *table, uint64_t now_ns)
{
	for (size_t i = 0; table->armed && i < TIMERS_MAX; i++) {
		struct timer *timer = &table->timers[i];
		const uint64_t now =
		    timer->due_ns && timer->processor ? timer_now(table, timer) : now_ns;
		if (timer->due_ns && timer->due_ns <= now)
			expire(table, timer, now);
	}
}

static void expire_timers(uint64_t now_ns)
{
	struct process *process = &process_first, *next;
	for (; process; process = next) {
		next = process->next;
		if (process->timers)
			expire_table(process->timers, now_ns);
	}
}

static struct thread_timers thread_timers = {
    .next_ns = next_timer_ns, .turn_ns = turn_ns, .expire = expire_timers};

static uint64_t time_left(const struct timer *timer)
{
	uint64_t now = timer_now(own_table(), timer);
	return !timer->due_ns ? 0 : timer->due_ns > now ? timer->due_ns - now : 1;
}

/* Arms for `after_ns` from now; 0 stops it. */
/* Of the current process. */
static void arm(struct timer *timer, uint64_t after_ns, uint64_t interval_ns)
{
	struct timer_table *table = own_table();
	timer->interval_ns = interval_ns;
	timer->overruns = 0;
	if (after_ns && timer->processor)
		after_ns = add_overflows(after_ns, timer_now(table, timer), &after_ns) ? NO_DEADLINE
										       : after_ns;
	else if (after_ns)
		after_ns = clock_deadline_ns(after_ns);
	set_due(table, timer, after_ns);
	if (!after_ns)
		return;
	thread_add_timers(&thread_timers);
	thread_set_alarm(timer->processor ? turn_ns(thread_current()) : timer->due_ns);
}

/* ── alarm and setitimer ─────────────────────────────────────────────────────────────────────── */

SYSTEM_CALL(alarm)
{
	struct timer *timer = &own_table()->timers[ITIMER_REAL];
	uint64_t left = time_left(timer);
	arm(timer, (uint32_t)arguments[0] * NANOSECONDS, 0);
	return (int64_t)((left + NANOSECONDS - 1) / NANOSECONDS);
}

static struct timeval to_timeval(uint64_t nanoseconds)
{
	return (struct timeval){
	    .tv_sec = (time_t)(nanoseconds / NANOSECONDS),
	    .tv_usec = (suseconds_t)(nanoseconds % NANOSECONDS / MICROSECOND_NS),
	};
}

static bool from_timeval(const struct timeval *time, uint64_t *nanoseconds)
{
	if (time->tv_sec < 0 || time->tv_usec < 0 || time->tv_usec >= 1000000 ||
	    mul_overflows((uint64_t)time->tv_sec, NANOSECONDS, nanoseconds) ||
	    add_overflows(*nanoseconds, (uint64_t)time->tv_usec * MICROSECOND_NS, nanoseconds))
		return false;
	return true;
}

static int report_interval_timer(const struct timer *timer, uint64_t address)
{
	const struct itimerval value = {
	    .it_interval = to_timeval(timer->interval_ns),
	    .it_value = to_timeval(time_left(timer)),
	};
	return user_copy_out(address, &value, sizeof(value));
}

SYSTEM_CALL(getitimer)
{
	if ((uint32_t)arguments[0] >= INTERVAL_TIMERS)
		return -EINVAL;
	return report_interval_timer(&own_table()->timers[(uint32_t)arguments[0]], arguments[1]);
}

SYSTEM_CALL(setitimer)
{
	struct itimerval value = {0};
	uint64_t after_ns, interval_ns;
	if ((uint32_t)arguments[0] >= INTERVAL_TIMERS)
		return -EINVAL;
	struct timer *timer = &own_table()->timers[(uint32_t)arguments[0]];
	int error = arguments[1] ? user_copy_in(&value, arguments[1], sizeof(value)) : 0;
	if (error)
		return error;
	if (!from_timeval(&value.it_value, &after_ns) ||
	    !from_timeval(&value.it_interval, &interval_ns))
		return -EINVAL;
	if (arguments[2]) {
		error = report_interval_timer(timer, arguments[2]);
		if (error)
			return error;
	}
	arm(timer, after_ns, interval_ns);
	return 0;
}

/* ── timer_create ────────────────────────────────────────────────────────────────────────────── */

static struct timer *find_timer(uint64_t number)
{
	const uint64_t index = (uint64_t)(int32_t)number + INTERVAL_TIMERS;
	if ((int32_t)number < 0 || index >= TIMERS_MAX)
		return NULL;
	struct timer *timer = &own_table()->timers[index];
	return timer->exists ? timer : NULL;
}

static int describe_timer(struct timer *timer, const struct sigevent *event)
{
	const struct thread *thread;
	timer->value = (uint64_t)event->sigev_value.sival_ptr;
	timer->signal = event->sigev_signo;
	switch (event->sigev_notify) {
	case SIGEV_NONE:
		timer->silent = true;
		return 0;
	case SIGEV_THREAD_ID:
		timer->thread = event->_sigev_un._tid;
		thread = thread_find(timer->thread);
		if (!thread || thread->process != process_current())
			return -EINVAL;
		break;
	case SIGEV_SIGNAL:
		break;
	default:
		return -EINVAL;
	}
	return timer->signal < 1 || timer->signal > SIGNAL_COUNT ? -EINVAL : 0;
}

SYSTEM_CALL(timer_create)
{
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
	struct timer timer = {.exists = true, .clock = (uint32_t)arguments[0]};
	struct timer *const timers = own_table()->timers;
	int32_t number = 0;
	if (timer.clock == CLOCK_TAI)
		timer.clock = CLOCK_REALTIME;
	if (timer.clock == CLOCK_MONOTONIC_RAW || timer.clock == CLOCK_REALTIME_COARSE ||
	    timer.clock == CLOCK_MONOTONIC_COARSE)
		return -EOPNOTSUPP;
	timer.processor = timer.clock != CLOCK_REALTIME && timer.clock != CLOCK_MONOTONIC &&
			  timer.clock != CLOCK_BOOTTIME;
	if (timer.processor && processor_clock_find(timer.clock, &timer.user))
		return -EINVAL;
	while (number < TIMERS_MAX - INTERVAL_TIMERS && timers[number + INTERVAL_TIMERS].exists)
		number++;
	if (number == TIMERS_MAX - INTERVAL_TIMERS)
		return -EAGAIN;
	event.sigev_value.sival_int = number;
	int error = arguments[1] ? user_copy_in(&event, arguments[1], sizeof(event)) : 0;
	if (!error)
		error = describe_timer(&timer, &event);
	if (!error)
		error = user_copy_out(arguments[2], &number, sizeof(number));
	if (error)
		return error;
	timers[number + INTERVAL_TIMERS] = timer;
	return 0;
}

static struct timespec to_timespec(uint64_t nanoseconds)
{
	return (struct timespec){
	    .tv_sec = (time_t)(nanoseconds / NANOSECONDS),
	    .tv_nsec = (long)(nanoseconds % NANOSECONDS),
	};
}

static int report_timer(const struct timer *timer, uint64_t address)
{
	const struct itimerspec value = {
	    .it_interval = to_timespec(timer->interval_ns),
	    .it_value = to_timespec(time_left(timer)),
	};
	return user_copy_out(address, &value, sizeof(value));
}

SYSTEM_CALL(timer_settime)
{
	struct timer *timer = find_timer(arguments[0]);
	uint64_t interval_ns, after_ns;
	if (!timer || !arguments[2])
		return -EINVAL;
	int error = timespec_read(arguments[2], &interval_ns);
	if (!error)
		error = timespec_read(arguments[2] + sizeof(struct timespec), &after_ns);
	if (!error && arguments[3])
		error = report_timer(timer, arguments[3]);
	if (error)
		return error;
	if (after_ns && arguments[1] & TIMER_ABSTIME) {
		uint64_t now = timer->processor ? timer_now(own_table(), timer)
						: clock_read_ns(timer->clock == CLOCK_REALTIME);
		after_ns = after_ns > now ? after_ns - now : 1;
	}
	arm(timer, after_ns, interval_ns);
	return 0;
}

SYSTEM_CALL(timer_gettime)
{
	const struct timer *timer = find_timer(arguments[0]);
	return timer ? report_timer(timer, arguments[1]) : -EINVAL;
}

SYSTEM_CALL(timer_getoverrun)
{
	const struct timer *timer = find_timer(arguments[0]);
	return timer ? timer->overruns : -EINVAL;
}

static void delete_timer(struct timer *timer)
{
	set_due(own_table(), timer, 0);
	*timer = (struct timer){0};
}

SYSTEM_CALL(timer_delete)
{
	struct timer *timer = find_timer(arguments[0]);
	if (!timer)
		return -EINVAL;
	delete_timer(timer);
	return 0;
}

int timers_create(struct process *process)
{
	struct timer_table *table = heap_allocate(sizeof(*table));
	if (!table)
		return -ENOMEM;
	*table = (struct timer_table)FRESH_TABLE(process);
	process->timers = table;
	return 0;
}

void timers_release(struct process *process)
{
	struct timer_table *table = process->timers;
	process->timers = NULL;
	if (table == &timers_of_first)
		*table = (struct timer_table)FRESH_TABLE(process);
	else
		heap_free(table, sizeof(*table));
}

void timers_delete_all(void)
{
	struct timer *timers = own_table()->timers;
	for (size_t i = INTERVAL_TIMERS; i < TIMERS_MAX; i++)
		if (timers[i].exists)
			delete_timer(&timers[i]);
	signal_forget_timers();
}
