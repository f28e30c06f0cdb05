/* timerfd_create(2): timers that are files. One counts how often it ran out since it was last read,
 * and can be waited for as any file. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <sys/timerfd.h>
#include <time.h>

#include "guest/fs/descriptors.h"
#include "guest/fs/file.h"
#include "guest/fs/inode.h"
#include "guest/fs/pseudo.h"
#include "guest/lib/system_call.h"
#include "guest/machine/clock.h"
#include "guest/mm/heap.h"
#include "guest/mm/user_memory.h"
#include "guest/sched/thread.h"
#include "guest/sched/timespec.h"

#ifndef TFD_TIMER_CANCEL_ON_SET
#define TFD_TIMER_CANCEL_ON_SET 2
#endif

struct timer_file {
	struct timer_file *next; /* of those that are armed */
	struct inode *inode;
	uint32_t clock;
	uint32_t flags; /* of timerfd_settime() */
	bool armed;
	bool told;	      /* it ran out, and who waits was woken; nobody has read it since */
	uint64_t due_ns;      /* monotonic: when it runs out next that was not read */
	uint64_t interval_ns; /* 0: once */
};

static struct timer_file *armed;

/* ── when they run out ───────────────────────────────────────────────────────────────────────── */

static void set_armed(struct timer_file *timer, bool value)
{
	struct timer_file **place = &armed;
	if (timer->armed == value)
		return;
	timer->armed = value;
	if (value) {
		timer->next = armed;
		armed = timer;
		return;
	}
	while (*place != timer)
		place = &(*place)->next;
	*place = timer->next;
}

static uint64_t next_timer_ns(void)
{
	uint64_t next = NO_DEADLINE;
	for (const struct timer_file *timer = armed; timer; timer = timer->next)
		if (!timer->told && timer->due_ns < next)
			next = timer->due_ns;
	return next;
}

static void expire_timers(uint64_t now_ns)
{
	for (struct timer_file *timer = armed; timer; timer = timer->next) {
		if (timer->told || timer->due_ns > now_ns)
			continue;
		timer->told = true;
		inode_signal(timer->inode);
	}
}

static struct thread_timers source = {.next_ns = next_timer_ns, .expire = expire_timers};

/* How often it has run out. */
static uint64_t count_expirations(const struct timer_file *timer)
{
	if (!timer->armed)
		return 0;
	const uint64_t now = clock_read_ns(false);
	if (now < timer->due_ns)
		return 0;
	return timer->interval_ns ? (now - timer->due_ns) / timer->interval_ns + 1 : 1;
}

/* Those are read: it goes on behind them. */
static void take_expirations(struct timer_file *timer, uint64_t count)
{
	timer->told = false;
	if (timer->interval_ns)
		timer->due_ns += count * timer->interval_ns;
	else
		set_armed(timer, false);
}

/* ── the file ────────────────────────────────────────────────────────────────────────────────── */

static int64_t read_timer(struct file *file, void *out, uint64_t length, uint64_t offset)
{
	struct timer_file *timer = file->inode->private;
	uint64_t count;
	if (length < sizeof(count))
		return -EINVAL;
	while (!(count = count_expirations(timer))) {
		int64_t error = file_wait_for_inode(file, "a timer that is not armed");
		if (error)
			return error;
	}
	take_expirations(timer, count);
	int error = user_copy_out((uint64_t)out, &count, sizeof(count));
	return error ? error : (int64_t)sizeof(count);
}

static uint32_t poll_timer(struct file *file)
{
	struct timer_file *timer = file->inode->private;
	if (!count_expirations(timer))
		return 0;
	/* The first look at it may come before it is told. */
	if (!timer->told)
		file->inode->activity++;
	timer->told = true;
	return POLLIN;
}

static uint64_t time_left(const struct timer_file *timer)
{
	if (!timer->armed)
		return 0;
	const uint64_t next = timer->due_ns + count_expirations(timer) * timer->interval_ns;
	const uint64_t now = clock_read_ns(false);
	return next > now ? next - now : 0;
}

static void print_time(struct pseudo_text *out, const char *name, uint64_t nanoseconds)
{
	pseudo_print(out, "%s: (%lu, %lu)\n", name, nanoseconds / NANOSECONDS,
		     nanoseconds % NANOSECONDS);
}

static void show_timer(const struct file *file, struct pseudo_text *out)
{
	const struct timer_file *timer = file->inode->private;
	pseudo_print(out, "clockid: %u\nticks: %lu\nsettime flags: 0%o\n", timer->clock,
		     count_expirations(timer), timer->flags);
	print_time(out, "it_value", time_left(timer));
	print_time(out, "it_interval", timer->interval_ns);
}

static void free_timer(struct inode *inode)
{
	struct timer_file *timer = inode->private;
	if (timer)
		set_armed(timer, false);
	heap_free(timer, sizeof(*timer));
}

static const struct file_operations timer_operations = {
    .read = read_timer,
    .open = file_refuse_open,
    .poll = poll_timer,
    .show = show_timer,
    .ignores_out = true,
};

/* ── system calls ────────────────────────────────────────────────────────────────────────────── */

SYSTEM_CALL(timerfd_create)
{
	static const struct inode_operations inode_operations = {.free = free_timer};
	const uint32_t clock = (uint32_t)arguments[0], flags = (uint32_t)arguments[1];
	if (flags & ~(uint32_t)(TFD_CLOEXEC | TFD_NONBLOCK))
		return -EINVAL;
	if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC && clock != CLOCK_BOOTTIME &&
	    clock != CLOCK_REALTIME_ALARM && clock != CLOCK_BOOTTIME_ALARM)
		return -EINVAL;
	struct inode *inode = inode_create(0600, &inode_operations, &timer_operations);
	if (!inode)
		return -ENOMEM;
	struct timer_file *timer = heap_allocate(sizeof(*timer));
	inode->private = timer;
	struct file *file = timer ? file_open(inode, O_RDWR | (int)(flags & TFD_NONBLOCK)) : NULL;
	inode_drop(inode);
	if (!file)
		return -ENOMEM;
	timer->inode = inode;
	timer->clock = clock;
	return descriptor_install(file, 0, flags & TFD_CLOEXEC);
}

/* The timer of a descriptor. 0; -EBADF or -EINVAL. */
static int find_timer(uint64_t descriptor, struct timer_file **timer)
{
	const struct file *file = descriptor_opened(descriptor);
	if (!file)
		return -EBADF;
	*timer = file->operations == &timer_operations ? file->inode->private : NULL;
	return *timer ? 0 : -EINVAL;
}

static int report(const struct timer_file *timer, uint64_t address)
{
	int error =
	    timespec_report(address + offsetof(struct itimerspec, it_interval), timer->interval_ns);
	return error ? error
		     : timespec_report(address + offsetof(struct itimerspec, it_value),
				       time_left(timer));
}

static void arm(struct timer_file *timer, uint64_t value_ns, uint64_t interval_ns)
{
	uint64_t after_ns = value_ns;
	if (timer->flags & TFD_TIMER_ABSTIME) {
		const bool real =
		    timer->clock == CLOCK_REALTIME || timer->clock == CLOCK_REALTIME_ALARM;
		const uint64_t now = clock_read_ns(real);
		after_ns = value_ns > now ? value_ns - now : 0;
	}
	timer->due_ns = clock_deadline_ns(after_ns);
	timer->interval_ns = interval_ns;
	timer->told = false;
	set_armed(timer, value_ns != 0);
	inode_signal(timer->inode);
	if (!value_ns)
		return;
	thread_add_timers(&source);
	thread_set_alarm(timer->due_ns);
}

SYSTEM_CALL(timerfd_settime)
{
	const uint32_t flags = (uint32_t)arguments[1];
	struct timer_file *timer;
	struct itimerspec wanted;
	uint64_t interval_ns, value_ns;
	int error = user_copy_in(&wanted, arguments[2], sizeof(wanted));
	if (error)
		return error;
	if (flags & ~(uint32_t)(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET))
		return -EINVAL;
	error =
	    timespec_read(arguments[2] + offsetof(struct itimerspec, it_interval), &interval_ns);
	if (!error)
		error =
		    timespec_read(arguments[2] + offsetof(struct itimerspec, it_value), &value_ns);
	if (!error)
		error = find_timer(arguments[0], &timer);
	if (error)
		return error;
	const struct timer_file before = *timer;
	timer->flags = flags;
	arm(timer, value_ns, interval_ns);
	return arguments[3] ? report(&before, arguments[3]) : 0;
}

SYSTEM_CALL(timerfd_gettime)
{
	struct timer_file *timer;
	int error = find_timer(arguments[0], &timer);
	return error ? error : report(timer, arguments[1]);
}
