/* Processor time; see processor_time.h: what each process and each of its threads used, waits and
 * sleeps left out. On one processor that is the time since they began without the times in which
 * they did not run. So a clock of processor time is the monotonic one less a number, which changes
 * only where a thread stops or goes on; it lies in the control page, where the vDSO reads it, too.
 *
 * Nothing of it goes back or jumps where the program is frozen: a clone goes on with what the
 * set-up used. */
#include "processor_time.h"

#include <errno.h>
#include <time.h>

#include "guest/machine/clock.h"
#include "guest/machine/hypercall.h"
#include "process.h"
#include "thread.h"

/* In clock ids that name a process or a thread (posix-cpu-timers): ~id << 3, and what is asked. */
#define ID_SHIFT     3
#define ID_OF_THREAD 4U
#define ID_WHICH     3U
#define ID_SCHEDULED 2U /* to the nanosecond; below are the clocks of profilers */

static volatile struct guest_processor_clock *clock_base(void)
{
	return &machine_control()->processor;
}

/* Whose time passes: the process that a thread looks at has its own. */
static const struct process *running(void)
{
	return thread_current()->process;
}

uint64_t processor_time_of_process(const struct process *process)
{
	if (process != running())
		return process->used_ns;
	return clock_used(clock_read_ns(false), clock_base()->process_base_ns);
}

uint64_t processor_time(void)
{
	return processor_time_of_process(process_current());
}

uint64_t processor_time_of_all(void)
{
	uint64_t used_ns = process_first.children_ns;
	for (const struct process *process = &process_first; process; process = process->next)
		used_ns += processor_time_of_process(process);
	return used_ns;
}

uint64_t processor_time_of(const struct thread *thread)
{
	if (thread != thread_current())
		return thread->processor_ns;
	return clock_used(clock_read_ns(false), clock_base()->thread_base_ns);
}

void processor_time_stop(void)
{
	const uint64_t now = clock_read_ns(false);
	process_current()->used_ns = clock_used(now, clock_base()->process_base_ns);
	thread_current()->processor_ns = clock_used(now, clock_base()->thread_base_ns);
}

void processor_time_start(void)
{
	const uint64_t now = clock_read_ns(false);
	clock_base()->process_base_ns = now - process_current()->used_ns;
	clock_base()->thread_base_ns = now - thread_current()->processor_ns;
}

void processor_time_switch(struct thread *from, const struct thread *to)
{
	const uint64_t now = clock_read_ns(false);
	from->processor_ns = clock_used(now, clock_base()->thread_base_ns);
	clock_base()->thread_base_ns = now - to->processor_ns;
	if (from->process == to->process)
		return;
	from->process->used_ns = clock_used(now, clock_base()->process_base_ns);
	clock_base()->process_base_ns = now - to->process->used_ns;
}

/* Whose clock it is: a thread's, or else a whole process'. */
struct owner {
	const struct process *process;
	const struct thread *thread;
};

static int find_clock(uint32_t clock, struct owner *owner)
{
	const uint32_t id = ~(uint32_t)((int32_t)clock >> ID_SHIFT);
	*owner = (struct owner){.process = process_current()};
	if (clock_kind(clock) == CLOCK_KIND_THREAD)
		owner->thread = thread_current();
	if (clock_kind(clock) != CLOCK_KIND_UNKNOWN)
		return 0;
	if ((int32_t)clock >= 0 || (clock & ID_WHICH) > ID_SCHEDULED)
		return -EINVAL;
	if (clock & ID_OF_THREAD) {
		owner->thread = id ? thread_find((int32_t)id) : thread_current();
		return owner->thread && owner->thread->process == owner->process ? 0 : -EINVAL;
	}
	if (id && id != (uint32_t)thread_current()->id)
		owner->process = process_find(id);
	return owner->process ? 0 : -EINVAL;
}

int processor_clock_find(uint32_t clock, int32_t *id)
{
	struct owner owner;
	int error = find_clock(clock, &owner);
	if (!error && owner.process != process_current())
		error = -EINVAL;
	if (!error)
		*id = owner.thread ? owner.thread->id : 0;
	return error;
}

uint64_t processor_time_until(const struct thread *thread, int32_t id, uint64_t used_ns)
{
	if (id && id != thread->id)
		return NO_DEADLINE;
	if (id ? thread == thread_current() : thread->process == running()) {
		const uint64_t base =
		    id ? clock_base()->thread_base_ns : clock_base()->process_base_ns;
		return (int64_t)(base + used_ns) > 0 ? base + used_ns : 0;
	}
	const uint64_t before_ns = id ? thread->processor_ns : thread->process->used_ns;
	const uint64_t left = used_ns > before_ns ? used_ns - before_ns : 0;
	return clock_read_ns(false) + left;
}

uint64_t processor_time_used(const struct process *process, int32_t id)
{
	const struct thread *thread = id ? thread_find(id) : NULL;
	return thread ? processor_time_of(thread) : id ? 0 : processor_time_of_process(process);
}

static uint64_t time_of(const struct owner *owner)
{
	return owner->thread ? processor_time_of(owner->thread)
			     : processor_time_of_process(owner->process);
}

int processor_clock_read(uint32_t clock, uint64_t *nanoseconds)
{
	struct owner owner;
	int error = find_clock(clock, &owner);
	if (!error)
		*nanoseconds = time_of(&owner);
	return error;
}

int processor_clock_wait(uint32_t clock, uint64_t until_ns)
{
	static const char channel;
	struct owner owner;
	int error = find_clock(clock, &owner);
	if (!error && owner.thread == thread_current())
		return -EINVAL;
	while (!error) {
		uint64_t used;
		/* The thread may have ended. */
		error = processor_clock_read(clock, &used);
		if (error || used >= until_ns)
			break;
		/* A thread cannot use more time than passes. */
		error = thread_wait(&channel,
				    thread_count() == 1 ? NO_DEADLINE
							: clock_deadline_ns(until_ns - used),
				    "its own processor time");
		if (error == -ETIMEDOUT)
			error = 0;
	}
	return error;
}
