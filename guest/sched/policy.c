/* System calls on scheduling policies and priorities. Each thread has what the program gave it and
 * is told so; it changes nothing: threads have turns of equal length on the one processor. A thread
 * may do what Linux allows a user without rights: nothing that would raise its priority. */
#include "policy.h"

#include <errno.h>
#include <linux/ioprio.h>
#include <linux/sched.h>
#include <linux/sched/types.h>
#include <sys/resource.h>

#include "guest/lib/system_call.h"
#include "guest/lib/text.h"
#include "guest/mm/user_memory.h"
#include "identity.h"
#include "process.h"
#include "thread.h"
#include "timespec.h"

#define NICE_LEAST    (-20)
#define NICE_MOST     19
#define REAL_TIME_MAX 99
#define IO_LEVEL_MASK 7U
#define POLICY_KEPT   (-1) /* by calls that change the rest */

static struct thread *find(uint64_t number)
{
	return (uint32_t)number ? thread_find((int32_t)number) : thread_current();
}

/* For calls that refuse negative numbers. */
static int find_for(uint64_t number, uint64_t pointer, struct thread **thread)
{
	if ((int32_t)number < 0 || !pointer)
		return -EINVAL;
	*thread = find(number);
	return *thread ? 0 : -ESRCH;
}

/* ── the processor ───────────────────────────────────────────────────────────────────────────── */

SYSTEM_CALL(sched_getaffinity)
{
	const uint64_t first_processor = 1;
	if (!find(arguments[0]))
		return -ESRCH;
	if ((uint32_t)arguments[1] < sizeof(first_processor) || arguments[1] % sizeof(uint64_t))
		return -EINVAL;
	int error = user_copy_out(arguments[2], &first_processor, sizeof(first_processor));
	return error ? error : (int64_t)sizeof(first_processor);
}

SYSTEM_CALL(sched_setaffinity)
{
	uint64_t processors = 0;
	uint64_t size = (uint32_t)arguments[1];
	if (!find(arguments[0]))
		return -ESRCH;
	if (size > sizeof(processors))
		size = sizeof(processors);
	int error = user_copy_in(&processors, arguments[2], size);
	if (error)
		return error;
	return processors & 1 ? 0 : -EINVAL;
}

SYSTEM_CALL(getcpu)
{
	const uint32_t zero = 0;
	int error = arguments[0] ? user_copy_out(arguments[0], &zero, sizeof(zero)) : 0;
	if (!error && arguments[1])
		error = user_copy_out(arguments[1], &zero, sizeof(zero));
	return error;
}

/* ── policies ────────────────────────────────────────────────────────────────────────────────── */

static bool is_real_time(int32_t policy)
{
	return policy == SCHED_FIFO || policy == SCHED_RR;
}

static bool is_policy(int32_t policy)
{
	return policy == SCHED_NORMAL || policy == SCHED_BATCH || policy == SCHED_IDLE ||
	       policy == SCHED_DEADLINE || is_real_time(policy);
}

static int64_t priority_of(uint64_t policy, int64_t real_time)
{
	if (!is_policy((int32_t)policy))
		return -EINVAL;
	return is_real_time((int32_t)policy) ? real_time : 0;
}

SYSTEM_CALL(sched_get_priority_max)
{
	return priority_of(arguments[0], REAL_TIME_MAX);
}

SYSTEM_CALL(sched_get_priority_min)
{
	return priority_of(arguments[0], 1);
}

static bool is_deadline(const struct sched_attr *wanted)
{
	const uint64_t least = 1024, period = wanted->sched_period ? wanted->sched_period
								   : wanted->sched_deadline;
	return wanted->sched_deadline && !(wanted->sched_deadline >> 63) && !(period >> 63) &&
	       wanted->sched_runtime >= least && wanted->sched_runtime <= wanted->sched_deadline &&
	       wanted->sched_deadline <= period;
}

/* A user without rights may be nicer than before, and idle for good. */
static int check_rights(const struct thread *thread, const struct sched_attr *wanted,
			int32_t policy, bool reset)
{
	if (is_real_time(policy) || policy == SCHED_DEADLINE)
		return -EPERM;
	if (policy != SCHED_IDLE &&
	    (thread->policy == SCHED_IDLE || wanted->sched_nice < thread->nice))
		return -EPERM;
	return thread->policy_resets && !reset ? -EPERM : 0;
}

static int set_policy(struct thread *thread, int32_t policy, const struct sched_attr *wanted)
{
	const uint64_t clamps = SCHED_FLAG_UTIL_CLAMP;
	bool reset = wanted->sched_flags & SCHED_FLAG_RESET_ON_FORK;
	if (policy == POLICY_KEPT) {
		policy = thread->policy;
		reset = thread->policy_resets;
	} else if (!is_policy(policy)) {
		return -EINVAL;
	}
	if (wanted->sched_flags & ~(uint64_t)SCHED_FLAG_ALL ||
	    wanted->sched_priority > REAL_TIME_MAX ||
	    (policy == SCHED_DEADLINE && !is_deadline(wanted)) ||
	    is_real_time(policy) != (wanted->sched_priority != 0))
		return -EINVAL;
	int error = check_rights(thread, wanted, policy, reset);
	if (error)
		return error;
	if (wanted->sched_flags & clamps)
		return -EOPNOTSUPP;
	thread->policy = (uint8_t)policy;
	thread->policy_resets = reset;
	thread->nice = wanted->sched_nice;
	return 0;
}

/* The older calls: no nice value comes with them. */
static int64_t set_by_parameters(uint64_t number, int32_t policy, uint64_t address)
{
	struct thread *thread;
	int32_t priority;
	if ((int32_t)number < 0 || !address)
		return -EINVAL;
	int error = user_copy_in(&priority, address, sizeof(priority));
	if (!error)
		error = find_for(number, address, &thread);
	if (error)
		return error;
	struct sched_attr wanted = {
	    .sched_nice = thread->nice,
	    .sched_priority = (uint32_t)priority,
	};
	if (policy != POLICY_KEPT && policy & SCHED_RESET_ON_FORK) {
		policy &= ~SCHED_RESET_ON_FORK;
		wanted.sched_flags = SCHED_FLAG_RESET_ON_FORK;
	}
	return set_policy(thread, policy, &wanted);
}

SYSTEM_CALL(sched_setscheduler)
{
	if ((int32_t)arguments[1] < 0)
		return -EINVAL;
	return set_by_parameters(arguments[0], (int32_t)arguments[1], arguments[2]);
}

SYSTEM_CALL(sched_setparam)
{
	return set_by_parameters(arguments[0], POLICY_KEPT, arguments[1]);
}

SYSTEM_CALL(sched_getscheduler)
{
	struct thread *thread;
	int error = find_for(arguments[0], 1, &thread);
	if (error)
		return error;
	return thread->policy | (thread->policy_resets ? SCHED_RESET_ON_FORK : 0);
}

/* Priorities are those of real time, which nobody has. */
SYSTEM_CALL(sched_getparam)
{
	const int32_t priority = 0;
	struct thread *thread;
	int error = find_for(arguments[0], arguments[1], &thread);
	return error ? error : user_copy_out(arguments[1], &priority, sizeof(priority));
}

SYSTEM_CALL(sched_rr_get_interval)
{
	struct thread *thread;
	int error = find_for(arguments[0], 1, &thread);
	return error ? error : timespec_report(arguments[1], GUEST_SLICE_NS);
}

/* Programs may know more or fewer members than this, as their first one says. */
static int read_attributes(uint64_t address, struct sched_attr *wanted)
{
	const uint32_t known = sizeof(*wanted);
	uint32_t size;
	int error = user_copy_in(&size, address, sizeof(size));
	if (error)
		return error;
	if (!size)
		size = SCHED_ATTR_SIZE_VER0;
	bool fits = size >= SCHED_ATTR_SIZE_VER0 && size <= GUEST_PAGE_SIZE;
	if (fits && !user_readable(address, size))
		return -EFAULT;
	for (uint32_t i = known; fits && i < size; i++)
		fits = !((const uint8_t *)address)[i];
	if (!fits) {
		error = user_copy_out(address, &known, sizeof(known));
		return error ? error : -E2BIG;
	}
	memset(wanted, 0, sizeof(*wanted));
	error = user_copy_in(wanted, address, size < known ? size : known);
	if (wanted->sched_nice < NICE_LEAST)
		wanted->sched_nice = NICE_LEAST;
	if (wanted->sched_nice > NICE_MOST)
		wanted->sched_nice = NICE_MOST;
	return error || !(wanted->sched_flags & SCHED_FLAG_UTIL_CLAMP) ||
		       size >= SCHED_ATTR_SIZE_VER1
		   ? error
		   : -EINVAL;
}

SYSTEM_CALL(sched_setattr)
{
	struct sched_attr wanted;
	struct thread *thread;
	if ((int32_t)arguments[0] < 0 || !arguments[1] || (uint32_t)arguments[2])
		return -EINVAL;
	int error = read_attributes(arguments[1], &wanted);
	if (error)
		return error;
	int32_t policy = (int32_t)wanted.sched_policy;
	if (policy < 0)
		return -EINVAL;
	error = find_for(arguments[0], arguments[1], &thread);
	if (error)
		return error;
	if (wanted.sched_flags & SCHED_FLAG_KEEP_POLICY)
		policy = POLICY_KEPT;
	if (wanted.sched_flags & SCHED_FLAG_KEEP_PARAMS) {
		wanted.sched_nice = thread->nice;
		wanted.sched_priority = 0;
	}
	return set_policy(thread, policy, &wanted);
}

SYSTEM_CALL(sched_getattr)
{
	struct thread *thread;
	uint32_t size = (uint32_t)arguments[2];
	if (size < SCHED_ATTR_SIZE_VER0 || size > GUEST_PAGE_SIZE || (uint32_t)arguments[3])
		return -EINVAL;
	int error = find_for(arguments[0], arguments[1], &thread);
	if (error)
		return error;
	struct sched_attr attributes = {
	    .size = size < sizeof(attributes) ? size : sizeof(attributes),
	    .sched_policy = thread->policy,
	    .sched_flags = thread->policy_resets ? SCHED_FLAG_RESET_ON_FORK : 0,
	    .sched_nice = thread->nice,
	};
	return user_copy_out(arguments[1], &attributes, attributes.size);
}

/* ── nice values ─────────────────────────────────────────────────────────────────────────────── */

/* Which threads a call means: one, those of a group of processes, or all, as everything runs for the
 * one user. */
struct meant {
	struct thread *one;
	uint32_t group; /* 0: all */
};

static bool means(const struct meant *meant, const struct process *process)
{
	return !meant->group || process->group == meant->group;
}

/* The next of them; NULL behind the last. */
static struct thread *next_in_group(const struct meant *meant, struct thread *before)
{
	if (meant->one)
		return before ? NULL : meant->one;
	const struct process *process = before ? before->process : &process_first;
	for (; process; process = process->next, before = NULL) {
		struct thread *thread =
		    means(meant, process) ? thread_next_of(process, before) : NULL;
		if (thread)
			return thread;
	}
	return NULL;
}

static int find_group(uint64_t which, uint64_t who, struct meant *meant)
{
	const struct process *leader = (uint32_t)who ? process_find(who) : NULL;
	*meant = (struct meant){0};
	switch ((uint32_t)which) {
	case PRIO_PROCESS:
		meant->one = find(who);
		return meant->one ? 0 : -ESRCH;
	case PRIO_PGRP:
		meant->group = !(uint32_t)who ? process_current()->group
			       : leader	      ? leader->id
					      : (uint32_t)who;
		return next_in_group(meant, NULL) ? 0 : -ESRCH;
	case PRIO_USER:
		return !(uint32_t)who || (uint32_t)who == process_current()->users.real ? 0
											: -ESRCH;
	default:
		return -EINVAL;
	}
}

SYSTEM_CALL(getpriority)
{
	struct meant meant;
	int error = find_group(arguments[0], arguments[1], &meant);
	if (error)
		return error;
	int least = NICE_MOST;
	struct thread *thread = NULL;
	while ((thread = next_in_group(&meant, thread)))
		if (thread->nice < least)
			least = thread->nice;
	return NICE_MOST + 1 - least; /* the system call answers no negative number */
}

SYSTEM_CALL(setpriority)
{
	struct meant meant;
	int nice = (int32_t)arguments[2];
	int error = find_group(arguments[0], arguments[1], &meant);
	if (nice < NICE_LEAST)
		nice = NICE_LEAST;
	if (nice > NICE_MOST)
		nice = NICE_MOST;
	if (error)
		return error;
	struct thread *thread = NULL;
	while ((thread = next_in_group(&meant, thread))) {
		if (nice < thread->nice)
			error = -EACCES;
		else
			thread->nice = nice;
	}
	return error;
}

/* ── priorities of input and output ──────────────────────────────────────────────────────────── */

static int find_io_group(uint64_t which, uint64_t who, struct meant *meant)
{
	switch ((uint32_t)which) {
	case IOPRIO_WHO_PROCESS:
		return find_group(PRIO_PROCESS, who, meant);
	case IOPRIO_WHO_PGRP:
		return find_group(PRIO_PGRP, who, meant);
	case IOPRIO_WHO_USER:
		return find_group(PRIO_USER, who, meant);
	default:
		return -EINVAL;
	}
}

static int check_io_priority(uint32_t priority)
{
	switch (IOPRIO_PRIO_CLASS(priority)) {
	case IOPRIO_CLASS_RT:
		return -EPERM;
	case IOPRIO_CLASS_BE:
	case IOPRIO_CLASS_IDLE:
		return 0;
	case IOPRIO_CLASS_NONE:
		return (priority & IO_LEVEL_MASK) ? -EINVAL : 0;
	default:
		return -EINVAL;
	}
}

SYSTEM_CALL(ioprio_set)
{
	const uint32_t priority = (uint32_t)arguments[2];
	struct meant meant;
	int error = check_io_priority(priority);
	if (!error)
		error = find_io_group(arguments[0], arguments[1], &meant);
	if (error)
		return error;
	struct thread *thread = NULL;
	while ((thread = next_in_group(&meant, thread)))
		thread->io_priority = (uint16_t)priority;
	return 0;
}

/* A lower number is a higher priority, but 0 means that none is set. */
SYSTEM_CALL(ioprio_get)
{
	struct meant meant;
	int error = find_io_group(arguments[0], arguments[1], &meant);
	if (error)
		return error;
	uint16_t best = 0;
	struct thread *thread = NULL;
	while ((thread = next_in_group(&meant, thread)))
		if (thread->io_priority && (!best || thread->io_priority < best))
			best = thread->io_priority;
	return best;
}

/* A thread begins with what its maker has, unless that is not to be passed on. */
void policy_inherit(struct thread *child, const struct thread *parent)
{
	child->policy = parent->policy;
	child->nice = parent->nice;
	child->io_priority = parent->io_priority;
	if (parent->policy_resets && child->nice < 0)
		child->nice = 0;
}
