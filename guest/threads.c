/* Threads: their beginning and end. See thread.h; schedule.c knows whose turn it is. */
#include "thread.h"

#include <errno.h>
#include <linux/sched.h>

#include "calls.h"
#include "signals.h"
#include "text.h"

#define STACK_PAGES 9 /* of a thread in the library OS, its vector state at the bottom */
#define THREADS_MAX 1024

int64_t call_gettid(const uint64_t arguments[6])
{
	return thread_current()->id;
}

int64_t call_set_tid_address(const uint64_t arguments[6])
{
	thread_current()->clear_id = arguments[0];
	return thread_current()->id;
}

static struct thread *allocate_thread(void)
{
	struct thread *thread = heap_allocate(sizeof(*thread));
	if (!thread)
		return NULL;
	thread->vector_state = memory_allocate_pages(STACK_PAGES);
	if (!thread->vector_state) {
		heap_free(thread, sizeof(*thread));
		return NULL;
	}
	thread->stack_top = (uint64_t)thread->vector_state + STACK_PAGES * GUEST_PAGE_SIZE;
	return thread;
}

void thread_free(struct thread *thread)
{
	memory_free_pages(thread->vector_state, STACK_PAGES);
	heap_free(thread, sizeof(*thread));
}

static int check_clone(const uint64_t arguments[6])
{
	const uint64_t needed = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD;
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

int64_t call_clone(const uint64_t arguments[6])
{
	uint64_t flags = arguments[0], stack = arguments[1];
	int error = check_clone(arguments);
	if (error == -ENOSYS)
		return process_refuse("clone");
	if (error)
		return error;
	struct thread *child = allocate_thread();
	if (!child)
		return -EAGAIN;
	static int32_t last_id = PROCESS_ID;
	struct thread *self = thread_current();
	child->id = ++last_id;
	child->blocked = self->blocked;
	child->alternate_stack.ss_flags = SS_DISABLE;
	if (flags & CLONE_CHILD_CLEARTID)
		child->clear_id = arguments[3];
	if (flags & CLONE_PARENT_SETTID)
		*(int32_t *)arguments[2] = child->id;
	if (flags & CLONE_CHILD_SETTID)
		*(int32_t *)arguments[3] = child->id;

	machine_save_vectors(child->vector_state);
	child->fs_base = machine_fs_base();
	child->gs_base = machine_gs_base();
	if (flags & CLONE_SETTLS)
		child->fs_base = arguments[4];
	struct system_call_frame *frame = (struct system_call_frame *)child->stack_top - 1;
	*frame = *thread_frame();
	frame->number = 0; /* what clone() returns in the child */
	if (stack)
		frame->rsp = stack;
	machine_prepare_switch(child, frame);

	thread_join_ring(child);
	return child->id;
}

void thread_end(int status)
{
	struct thread *self = thread_current();
	if (thread_count() == 1)
		machine_exit(status);
	futex_release_robust(self);
	futex_release_locks(self);
	const int32_t none = 0;
	if (self->clear_id && !user_copy_out(self->clear_id, &none, sizeof(none)))
		futex_wake(self->clear_id, 1, UINT32_MAX);
	signal_leave_thread(self);
	thread_leave_ring();
}

int64_t call_exit(const uint64_t arguments[6])
{
	thread_end((int)arguments[0]);
}

int64_t call_set_robust_list(const uint64_t arguments[6])
{
	const uint64_t head_size = 24;
	if (arguments[1] != head_size)
		return -EINVAL;
	thread_current()->robust_list = arguments[0];
	return 0;
}

int64_t call_get_robust_list(const uint64_t arguments[6])
{
	const uint64_t head_size = 24;
	int32_t id = (int32_t)arguments[0];
	const struct thread *thread = id ? thread_find(id) : thread_current();
	if (!thread)
		return -ESRCH;
	int error = user_copy_out(arguments[1], &thread->robust_list, sizeof(thread->robust_list));
	return error ? error : user_copy_out(arguments[2], &head_size, sizeof(head_size));
}
