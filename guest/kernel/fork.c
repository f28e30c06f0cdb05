/* System calls that make processes. A child begins where its parent called, with a copy of the thread
 * that did; its memory, files and the rest are copies of its parent's, or the same. */
#include <errno.h>
#include <linux/sched.h>
#include <signal.h>

#include "arch/thread_state.h"
#include "fork.h"
#include "guest/fs/descriptors.h"
#include "guest/fs/path.h"
#include "guest/fs/syscalls/transfer.h"
#include "guest/ipc/pidfds.h"
#include "guest/lib/system_call.h"
#include "guest/machine/machine.h"
#include "guest/mm/address_space.h"
#include "guest/mm/user_memory.h"
#include "guest/mm/vma.h"
#include "guest/sched/policy.h"
#include "guest/sched/process.h"
#include "guest/sched/thread.h"
#include "guest/signal/signals.h"
#include "guest/time/timers.h"

#define NAMESPACES                                                                                 \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |             \
	 CLONE_NEWPID | CLONE_NEWNET)

static int check(const struct fork_request *request)
{
	const uint64_t flags = request->flags;
	if ((flags & CLONE_SIGHAND && !(flags & CLONE_VM)) ||
	    (flags & CLONE_PIDFD && flags & CLONE_DETACHED) ||
	    (flags & CLONE_NEWNS && flags & CLONE_FS) || (flags & CSIGNAL) > SIGNAL_COUNT)
		return -EINVAL;
	if (flags & NAMESPACES)
		return -EPERM;
	if ((flags & CLONE_PIDFD && !user_writable(request->pidfd, sizeof(int32_t))) ||
	    (flags & CLONE_PARENT_SETTID && !user_writable(request->parent_id, sizeof(int32_t))) ||
	    (flags & CLONE_CHILD_SETTID && !user_writable(request->child_id, sizeof(int32_t))))
		return -EFAULT;
	return 0;
}

/* What is the parent's, too, or a copy of it. On an error something may be there. */
static int copy_rooms(struct process *child, const struct fork_request *request)
{
	const uint64_t flags = request->flags;
	int error = signal_actions_copy(child, flags & CLONE_SIGHAND);
	if (!error && request->clears_handlers)
		signal_actions_forget_handlers(child);
	if (!error)
		error = timers_create(child);
	if (!error)
		error = paths_copy(child, flags & CLONE_FS);
	if (!error)
		error = transfers_create(child);
	if (!error)
		error = descriptors_copy(child, flags & CLONE_FILES);
	return error;
}

static void discard(struct process *child)
{
	descriptors_release(child);
	transfers_release(child);
	paths_release(child);
	timers_release(child);
	signal_actions_release(child);
	process_discard(child);
}

static bool is_shared(uint64_t address)
{
	const struct vma *vma = vma_find(address);
	return vma && vma->start <= address && vma->shared;
}

/* The child finds its id in a copy of its parent's memory, so it is there while the copy is made; and
 * stays where there is no copy. */
static int copy_memory(struct process *child, const struct fork_request *request)
{
	const int32_t id = (int32_t)child->id;
	const bool tells = request->flags & CLONE_CHILD_SETTID;
	int32_t before = 0;
	if (request->flags & CLONE_VM) {
		child->memory = process_current()->memory;
		address_space_hold(child->memory);
		return tells ? user_copy_out(request->child_id, &id, sizeof(id)) : 0;
	}
	if (tells) {
		(void)user_copy_in(&before, request->child_id, sizeof(before));
		(void)user_copy_out(request->child_id, &id, sizeof(id));
	}
	int error = address_space_copy(&child->memory);
	if (tells && (error || !is_shared(request->child_id)))
		(void)user_copy_out(request->child_id, &before, sizeof(before));
	return error;
}

/* The memory, and the pidfd if one is wanted: not among a copy of the descriptors, nor told to a copy of
 * the memory. */
static int finish(struct process *child, const struct fork_request *request)
{
	const bool wants_pidfd = request->flags & CLONE_PIDFD;
	const int32_t pidfd = wants_pidfd ? pidfd_install(child, 0) : 0;
	if (pidfd < 0)
		return pidfd;
	int error = copy_memory(child, request);
	if (error && wants_pidfd)
		(void)descriptor_close((uint32_t)pidfd);
	if (!error && wants_pidfd)
		(void)user_copy_out(request->pidfd, &pidfd, sizeof(pidfd));
	return error;
}

static int create(const struct fork_request *request, struct process **child)
{
	int error = process_create(child);
	if (error)
		return error;
	error = copy_rooms(*child, request);
	if (!error)
		error = finish(*child, request);
	if (error)
		discard(*child);
	return error;
}

/* A copy of the current thread, which begins when its turn comes. */
static void begin_thread(struct process *child, struct thread *thread,
			 const struct fork_request *request)
{
	const struct thread *self = thread_current();
	const bool same_stack = !(request->flags & CLONE_VM) || request->flags & CLONE_VFORK;
	thread->process = child;
	thread->id = (int32_t)child->id;
	thread->blocked = self->blocked;
	if (same_stack)
		thread->alternate_stack = self->alternate_stack;
	else
		thread->alternate_stack.ss_flags = SS_DISABLE;
	policy_inherit(thread, self);
	if (request->flags & CLONE_CHILD_CLEARTID)
		thread->clear_id = request->child_id;
	thread_state_copy(&thread->processor, thread_frame(), request->stack,
			  request->flags & CLONE_SETTLS ? &request->thread_pointer : NULL);
	child->first_thread = thread;
	thread_join_ring(thread);
}

/* Nothing but the end of the process ends that wait. */
static void wait_for_memory(const struct process *child)
{
	struct thread *self = thread_current();
	const uint64_t blocked = self->blocked;
	signal_set_mask(UINT64_MAX);
	thread_wait(child, NO_DEADLINE, "a process that has its memory");
	signal_set_mask(blocked);
}

static void set_parent(struct process *child, uint64_t flags)
{
	child->exit_signal = (int)(flags & CSIGNAL);
	if (!(flags & CLONE_PARENT))
		return;
	child->parent = process_current()->parent;
	child->exit_signal = process_current()->exit_signal;
}

int64_t fork_process(const struct fork_request *request)
{
	struct process *child;
	int error = check(request);
	if (error)
		return error;
	if (thread_count() >= THREADS_MAX)
		return -EAGAIN;
	struct thread *thread = thread_allocate();
	if (!thread)
		return -ENOMEM;
	error = create(request, &child);
	if (error) {
		thread_discard(thread);
		return error;
	}
	const int32_t id = (int32_t)child->id;
	set_parent(child, request->flags);
	child->borrows_memory = request->flags & CLONE_VFORK;
	if (request->flags & CLONE_PARENT_SETTID)
		(void)user_copy_out(request->parent_id, &id, sizeof(id));
	process_join(child);
	begin_thread(child, thread, request);
	if (request->flags & CLONE_VFORK)
		wait_for_memory(child);
	return id;
}

SYSTEM_CALL(fork)
{
	const struct fork_request request = {.flags = SIGCHLD};
	return fork_process(&request);
}

SYSTEM_CALL(vfork)
{
	const struct fork_request request = {.flags = CLONE_VM | CLONE_VFORK | SIGCHLD};
	return fork_process(&request);
}
