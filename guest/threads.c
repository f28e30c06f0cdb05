/* Threads: the ring of them, whose turn it is, their beginning and end. See thread.h. */
#include "thread.h"

#include <errno.h>
#include <linux/sched.h>

#include "calls.h"
#include "text.h"

#define STACK_PAGES 9	       /* of a thread in the library OS, its vector state at the bottom */
#define TICK_NS	    10000000UL /* how long one thread may compute while others want to */
#define THREADS_MAX 1024

const char thread_files_channel;

/* The first thread's; entry.S has its stack. */
_Static_assert(MACHINE_VECTOR_STATE_MAX == GUEST_PAGE_SIZE, "eight pages are left");

static uint8_t first_vector_state[MACHINE_VECTOR_STATE_MAX] __attribute__((aligned(64)));

static struct thread first_thread = {
    .vector_state = first_vector_state,
    .stack_top = (uint64_t)libos_stack_top,
    .next = &first_thread,
    .id = PROCESS_ID,
    .alternate_stack = {.ss_flags = SS_DISABLE},
};

static struct {
	struct thread *current;
	struct thread *ended; /* its stack is in use until another one runs */
	uint32_t count;
	int32_t last_id;
	bool ticks;
} threads = {.current = &first_thread, .count = 1, .last_id = PROCESS_ID};

struct thread *thread_current(void)
{
	return threads.current;
}

struct thread *thread_first(void)
{
	return &first_thread;
}

uint32_t thread_count(void)
{
	return threads.count;
}

struct thread *thread_find(int32_t id)
{
	struct thread *thread = &first_thread;
	do {
		if (thread->id == id && thread->state != THREAD_ENDED)
			return thread;
		thread = thread->next;
	} while (thread != &first_thread);
	return NULL;
}

struct system_call_frame *thread_frame(void)
{
	return (struct system_call_frame *)threads.current->stack_top - 1;
}

void thread_want_ticks(void)
{
	if (threads.ticks)
		return;
	threads.ticks = true;
	machine_hypercall(HYPERCALL_TICK, TICK_NS, 0, 0);
}

/* ── whose turn it is ────────────────────────────────────────────────────────────────────────── */

void thread_resume(struct thread *thread, int result)
{
	if (thread->state != THREAD_WAITING)
		return;
	thread->state = THREAD_RUNNABLE;
	thread->wait_result = result;
}

void thread_wake(const void *channel)
{
	if (threads.count == 1)
		return;
	for (struct thread *thread = threads.current->next; thread != threads.current;
	     thread = thread->next)
		if (thread->channel == channel)
			thread_resume(thread, 0);
}

/* Ends the waits whose time has come; it is `least_ns` at least. Returns when the next one does. */
static uint64_t expire_waits(uint64_t least_ns)
{
	uint64_t next = timers_next();
	struct thread *thread = threads.current;
	do {
		if (thread->state == THREAD_WAITING && thread->deadline_ns < next)
			next = thread->deadline_ns;
		thread = thread->next;
	} while (thread != threads.current);
	if (next == THREAD_NO_DEADLINE)
		return next;
	uint64_t now = time_now_ns(false);
	if (now < least_ns)
		now = least_ns;
	if (now < next)
		return next;
	next = timers_expire(now);
	do {
		if (thread->state == THREAD_WAITING && thread->deadline_ns <= now)
			thread_resume(thread, -ETIMEDOUT);
		else if (thread->state == THREAD_WAITING && thread->deadline_ns < next)
			next = thread->deadline_ns;
		thread = thread->next;
	} while (thread != threads.current);
	return next;
}

static struct thread *next_runnable(void)
{
	struct thread *thread = threads.current;
	do {
		thread = thread->next;
		if (thread->state == THREAD_RUNNABLE)
			return thread;
	} while (thread != threads.current);
	return NULL;
}

static __attribute__((noreturn)) void end_deadlock(void)
{
	static const char line[] = "mayfly: all threads of the program wait for each other, "
				   "for ever: it is ended\n";
	memcpy((char *)GUEST_WINDOW_BASE + WINDOW_LOG_OFFSET, line, sizeof(line) - 1);
	machine_hypercall(HYPERCALL_LOG, sizeof(line) - 1, 0, 0);
	machine_abort(SIGKILL);
}

static void free_ended(void)
{
	struct thread *ended = threads.ended;
	if (!ended || ended == threads.current)
		return;
	threads.ended = NULL;
	if (ended == &first_thread)
		return; /* the process's main thread: its place in the ring stays */
	struct thread *before = ended;
	while (before->next != ended)
		before = before->next;
	before->next = ended->next;
	memory_free_pages(ended->vector_state, STACK_PAGES);
	heap_free(ended, sizeof(*ended));
}

/* Runs whoever can; sleeps while nobody can. Returns when the current thread's turn has come. */
static void schedule(void)
{
	uint64_t slept_until = 0;
	for (;;) {
		uint64_t next_ns = expire_waits(slept_until);
		struct thread *next = next_runnable();
		if (next) {
			struct thread *before = threads.current;
			if (next != before) {
				threads.current = next;
				machine_switch(before, next);
			}
			free_ended();
			return;
		}
		if (next_ns == THREAD_NO_DEADLINE)
			end_deadlock();
		uint64_t now = time_now_ns(false);
		if (next_ns > now)
			time_sleep(next_ns - now);
		slept_until = next_ns;
	}
}

int thread_wait(const void *channel, uint64_t deadline_ns, const char *waiting_for)
{
	struct thread *self = threads.current;
	if (signal_is_due())
		return -EINTR;
	if (threads.count == 1 && deadline_ns == THREAD_NO_DEADLINE &&
	    timers_next() == THREAD_NO_DEADLINE)
		return (int)process_deadlock(waiting_for);
	self->channel = channel;
	self->deadline_ns = deadline_ns;
	self->state = THREAD_WAITING;
	schedule();
	self->channel = NULL;
	return self->wait_result;
}

void thread_yield(void)
{
	schedule();
}

int64_t call_sched_yield(const uint64_t arguments[6])
{
	if (threads.count > 1)
		thread_yield();
	return 0;
}

int64_t call_gettid(const uint64_t arguments[6])
{
	return threads.current->id;
}

/* ── beginning and end ───────────────────────────────────────────────────────────────────────── */

int64_t call_set_tid_address(const uint64_t arguments[6])
{
	threads.current->clear_id = arguments[0];
	return threads.current->id;
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

static int check_clone(const uint64_t arguments[6])
{
	const uint64_t needed = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD;
	uint64_t flags = arguments[0];
	if ((flags & CLONE_THREAD && !(flags & CLONE_SIGHAND)) ||
	    (flags & CLONE_SIGHAND && !(flags & CLONE_VM)))
		return -EINVAL;
	if ((flags & needed) != needed)
		return -ENOSYS;
	if (threads.count >= THREADS_MAX)
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
	struct thread *self = threads.current;
	child->id = ++threads.last_id;
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

	/* The child has its turn last. */
	struct thread *before = self;
	while (before->next != self)
		before = before->next;
	child->next = self;
	before->next = child;
	threads.count++;
	thread_want_ticks();
	return child->id;
}

void thread_end(int status)
{
	struct thread *self = threads.current;
	if (threads.count == 1)
		machine_exit(status);
	futex_release_robust(self);
	const int32_t none = 0;
	if (self->clear_id && !user_copy_out(self->clear_id, &none, sizeof(none)))
		futex_wake(self->clear_id, 1, UINT32_MAX);
	free_ended();
	self->state = THREAD_ENDED;
	threads.ended = self;
	threads.count--;
	for (;;)
		schedule();
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
	threads.current->robust_list = arguments[0];
	return 0;
}

int64_t call_get_robust_list(const uint64_t arguments[6])
{
	const uint64_t head_size = 24;
	int32_t id = (int32_t)arguments[0];
	const struct thread *thread = id ? thread_find(id) : threads.current;
	if (!thread)
		return -ESRCH;
	int error = user_copy_out(arguments[1], &thread->robust_list, sizeof(thread->robust_list));
	return error ? error : user_copy_out(arguments[2], &head_size, sizeof(head_size));
}
