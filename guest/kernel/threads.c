/* System calls that make threads; sched/schedule.c knows whose turn it is. */
#include <errno.h>
#include <linux/sched.h>

#include "arch/thread_state.h"
#include "fork.h"
#include "guest/lib/system_call.h"
#include "guest/mm/user_memory.h"
#include "guest/sched/policy.h"
#include "guest/sched/process.h"
#include "guest/sched/thread.h"

SYSTEM_CALL(gettid)
{
	return thread_current()->id;
}

SYSTEM_CALL(set_tid_address)
{
	thread_current()->clear_id = arguments[0];
	return thread_current()->id;
}

static int check_clone(const uint64_t arguments[6])
{
	const uint64_t needed = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND;
	uint64_t flags = arguments[0];
	if ((flags & CLONE_THREAD && !(flags & CLONE_SIGHAND)) ||
	    (flags & CLONE_SIGHAND && !(flags & CLONE_VM)))
		return -EINVAL;
	if ((flags & needed) != needed)
		return -ENOSYS;
	if (thread_count() >= THREADS_MAX)
		return -EAGAIN;
	if ((flags & CLONE_PARENT_SETTID && !user_writable(arguments[2], sizeof(int32_t))) ||
	    (flags & CLONE_CHILD_SETTID && !user_writable(arguments[3], sizeof(int32_t))))
		return -EFAULT;
	return 0;
}

static int64_t make_process(const uint64_t arguments[6])
{
	const struct fork_request request = {
	    .flags = (uint32_t)arguments[0],
	    .stack = arguments[1],
	    .parent_id = arguments[2],
	    .child_id = arguments[3],
	    .thread_pointer = arguments[4],
	};
	return fork_process(&request);
}

SYSTEM_CALL(clone)
{
	uint64_t flags = arguments[0], stack = arguments[1];
	if (!(flags & CLONE_THREAD))
		return make_process(arguments);
	int error = check_clone(arguments);
	if (error)
		return error;
	struct thread *child = thread_allocate();
	if (!child)
		return -EAGAIN;
	struct thread *self = thread_current();
	child->process = self->process;
	child->id = (int32_t)process_take_id();
	child->blocked = self->blocked;
	child->alternate_stack.ss_flags = SS_DISABLE;
	policy_inherit(child, self);
	if (flags & CLONE_CHILD_CLEARTID)
		child->clear_id = arguments[3];
	if (flags & CLONE_PARENT_SETTID)
		*(int32_t *)arguments[2] = child->id;
	if (flags & CLONE_CHILD_SETTID)
		*(int32_t *)arguments[3] = child->id;

	thread_state_copy(&child->processor, thread_frame(), stack,
			  flags & CLONE_SETTLS ? &arguments[4] : NULL);
	thread_join_ring(child);
	return child->id;
}

SYSTEM_CALL(set_robust_list)
{
	const uint64_t head_size = 24;
	if (arguments[1] != head_size)
		return -EINVAL;
	thread_current()->robust_list = arguments[0];
	return 0;
}

SYSTEM_CALL(get_robust_list)
{
	const uint64_t head_size = 24;
	int32_t id = (int32_t)arguments[0];
	const struct thread *thread = id ? thread_find(id) : thread_current();
	if (!thread)
		return -ESRCH;
	int error = user_copy_out(arguments[1], &thread->robust_list, sizeof(thread->robust_list));
	return error ? error : user_copy_out(arguments[2], &head_size, sizeof(head_size));
}
