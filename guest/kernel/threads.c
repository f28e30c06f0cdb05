/* System calls that make threads; sched/schedule.c knows whose turn it is. */
#include <errno.h>
#include <linux/sched.h>

#include "arch/thread_state.h"
#include "fork.h"
#include "guest/lib/system_call.h"
#include "guest/mm/ranges.h"
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

static int check_thread(const struct fork_request *request)
{
	const uint64_t needed = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND;
	const uint64_t flags = request->flags;
	/* Threads have no pidfds, as on Linux before 6.9. */
	if ((flags & CLONE_THREAD && !(flags & CLONE_SIGHAND)) ||
	    (flags & CLONE_SIGHAND && !(flags & CLONE_VM)) || flags & CLONE_PIDFD)
		return -EINVAL;
	if ((flags & needed) != needed)
		return -ENOSYS;
	if (thread_count() >= THREADS_MAX)
		return -EAGAIN;
	if ((flags & CLONE_PARENT_SETTID && !user_writable(request->parent_id, sizeof(int32_t))) ||
	    (flags & CLONE_CHILD_SETTID && !user_writable(request->child_id, sizeof(int32_t))))
		return -EFAULT;
	return 0;
}

static int64_t make_thread(const struct fork_request *request)
{
	const uint64_t flags = request->flags;
	int error = check_thread(request);
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
		child->clear_id = request->child_id;
	if (flags & CLONE_PARENT_SETTID)
		*(int32_t *)request->parent_id = child->id;
	if (flags & CLONE_CHILD_SETTID)
		*(int32_t *)request->child_id = child->id;

	thread_state_copy(&child->processor, thread_frame(), request->stack,
			  flags & CLONE_SETTLS ? &request->thread_pointer : NULL);
	thread_join_ring(child);
	return child->id;
}

static int64_t make(const struct fork_request *request)
{
	return request->flags & CLONE_THREAD ? make_thread(request) : fork_process(request);
}

SYSTEM_CALL(clone)
{
	const struct fork_request request = {
	    .flags = (uint32_t)arguments[0],
	    .stack = arguments[1],
	    .parent_id = arguments[2],
	    .child_id = arguments[3],
	    .thread_pointer = arguments[4],
	    .pidfd = arguments[2],
	};
	/* There is one place for both. */
	if (request.flags & CLONE_PIDFD && request.flags & CLONE_PARENT_SETTID)
		return -EINVAL;
	return make(&request);
}

/* ── clone3(2) ───────────────────────────────────────────────────────────────────────────────── */

/* The program's struct is `size` bytes: shorter, of an older Linux; or longer, with zeros only. */
static int read_clone_arguments(struct clone_args *wanted, uint64_t address, uint64_t size)
{
	if (size > GUEST_PAGE_SIZE)
		return -E2BIG;
	if (size < CLONE_ARGS_SIZE_VER0)
		return -EINVAL;
	*wanted = (struct clone_args){0};
	int error = user_copy_in(wanted, address, size < sizeof(*wanted) ? size : sizeof(*wanted));
	for (uint64_t at = sizeof(*wanted); at < size && !error; at++) {
		char byte;
		error = user_copy_in(&byte, address + at, sizeof(byte));
		if (!error && byte)
			return -E2BIG;
	}
	return error;
}

#define ID_LEVELS_MAX 32 /* of Linux: how many namespaces of ids are within each other */

static bool is_valid(const struct clone_args *wanted, uint64_t size)
{
	const uint64_t flags = wanted->flags;
	if (!wanted->set_tid != !wanted->set_tid_size || wanted->set_tid_size > ID_LEVELS_MAX ||
	    wanted->exit_signal > SIGNAL_COUNT)
		return false;
	if (flags & CLONE_INTO_CGROUP &&
	    (wanted->cgroup > INT32_MAX || size < CLONE_ARGS_SIZE_VER2))
		return false;
	if (flags & ~(UINT32_MAX | CLONE_CLEAR_SIGHAND | CLONE_INTO_CGROUP) ||
	    flags & (CLONE_DETACHED | (CSIGNAL & ~CLONE_NEWTIME)) ||
	    (flags & CLONE_SIGHAND && flags & CLONE_CLEAR_SIGHAND) ||
	    (flags & (CLONE_THREAD | CLONE_PARENT) && wanted->exit_signal))
		return false;
	return !wanted->stack == !wanted->stack_size && wanted->stack <= GUEST_USER_END &&
	       wanted->stack_size <= GUEST_USER_END - wanted->stack;
}

SYSTEM_CALL(clone3)
{
	struct clone_args wanted;
	int error = read_clone_arguments(&wanted, arguments[0], arguments[1]);
	if (error)
		return error;
	if (!is_valid(&wanted, arguments[1]))
		return -EINVAL;
	/* Nobody chooses ids; and no descriptor is one of a control group. */
	if (wanted.set_tid || wanted.flags & CLONE_NEWTIME)
		return -EPERM;
	if (wanted.flags & CLONE_INTO_CGROUP)
		return -EBADF;
	const struct fork_request request = {
	    .flags = (uint32_t)wanted.flags | wanted.exit_signal,
	    .stack = wanted.stack + wanted.stack_size,
	    .parent_id = wanted.parent_tid,
	    .child_id = wanted.child_tid,
	    .thread_pointer = wanted.tls,
	    .pidfd = wanted.pidfd,
	    .clears_handlers = wanted.flags & CLONE_CLEAR_SIGHAND,
	};
	return make(&request);
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
