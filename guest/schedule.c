/* Whose turn it is: the ring of threads, their waits, and when a turn ends.
 *
 * A thread runs until it waits, yields, or is interrupted by a tick. Ticks come only while they are
 * needed: where another thread can run, too, or a time is waited for. */
#include <errno.h>

#include "calls.h"
#include "text.h"
#include "thread.h"

const char thread_files_channel;

/* The first thread's; entry.S has its stack. */
_Static_assert(MACHINE_VECTOR_STATE_MAX == GUEST_PAGE_SIZE, "eight pages are left");

static LARGE_DATA _Alignas(64) uint8_t first_vector_state[MACHINE_VECTOR_STATE_MAX];

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
	bool sliced;		  /* the alarm is set for the end of a turn, or a tick is coming */
	uint64_t request_look_ns; /* when to look for more of the request while somebody runs */
} threads = {.current = &first_thread, .count = 1};

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

/* ── ticks ───────────────────────────────────────────────────────────────────────────────────── */

void thread_set_alarm(uint64_t when_ns)
{
	volatile struct guest_control *control = machine_control();
	uint64_t alarm_ns = control->alarm_ns;
	if (when_ns == THREAD_NO_DEADLINE || (alarm_ns && when_ns >= alarm_ns))
		return;
	control->alarm_ns = when_ns;
	/* Either the monitor sees it when it looks next, or this sees that it will not look. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	uint64_t armed_ns = control->armed_ns;
	/* Within a slice is early enough: who sleeps for microseconds again and again while
	 * another one computes must not make a hypercall each time. */
	if (!armed_ns || (armed_ns > GUEST_SLICE_NS && armed_ns - GUEST_SLICE_NS > when_ns))
		machine_hypercall(HYPERCALL_TICK, 0, 0, 0);
}

/* The turn of whoever runs ends, because others can run, too. */
static void start_slice(void)
{
	if (threads.sliced)
		return;
	threads.sliced = true;
	thread_set_alarm(time_now_ns(false) + GUEST_SLICE_NS);
}

/* A turn begins. `next_ns`: what others wait for; `contended`: they need not wait. */
static void plan_turn(uint64_t next_ns, bool contended)
{
	volatile struct guest_control *control = machine_control();
	if (contended) {
		start_slice();
	} else {
		if (threads.sliced)
			threads.sliced = false;
		uint64_t alarm_ns = control->alarm_ns;
		if (alarm_ns && alarm_ns < next_ns)
			control->alarm_ns = next_ns == THREAD_NO_DEADLINE ? 0 : next_ns;
	}
	thread_set_alarm(next_ns);
}

/* ── waits ───────────────────────────────────────────────────────────────────────────────────── */

void thread_resume(struct thread *thread, int result)
{
	if (thread->state != THREAD_WAITING)
		return;
	thread->state = THREAD_RUNNABLE;
	thread->wait_result = result;
	if (threads.current->state == THREAD_RUNNABLE)
		start_slice();
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

/* What the threads wait for. */
struct outlook {
	uint64_t next_ns; /* when the next wait or timer ends; THREAD_NO_DEADLINE */
	bool request;	  /* for more of the request */
};

static struct outlook look_around(void)
{
	struct outlook outlook = {.next_ns = timers_next()};
	struct thread *thread = threads.current;
	do {
		if (thread->state == THREAD_WAITING) {
			if (thread->deadline_ns < outlook.next_ns)
				outlook.next_ns = thread->deadline_ns;
			outlook.request |= thread->awaits_request;
		}
		thread = thread->next;
	} while (thread != threads.current);
	return outlook;
}

/* Ends the waits whose time has come; it is `least_ns` at least. */
static struct outlook expire_waits(uint64_t least_ns)
{
	struct outlook outlook = look_around();
	if (outlook.next_ns == THREAD_NO_DEADLINE)
		return outlook;
	uint64_t now = time_now_ns(false);
	if (now < least_ns)
		now = least_ns;
	if (now < outlook.next_ns)
		return outlook;
	timers_expire(now);
	struct thread *thread = threads.current;
	do {
		if (thread->state == THREAD_WAITING && thread->deadline_ns <= now)
			thread_resume(thread, -ETIMEDOUT);
		thread = thread->next;
	} while (thread != threads.current);
	return look_around();
}

/* Looks for more of the request, waiting until that time, and lets those go on who wait for it. */
static bool serve_request(uint64_t until_ns)
{
	if (!request_look(until_ns))
		return false;
	struct thread *thread = threads.current;
	do {
		if (thread->awaits_request)
			thread_resume(thread, 0);
		thread = thread->next;
	} while (thread != threads.current);
	return true;
}

/* While somebody runs, the request is looked for once in a slice. */
static bool serve_request_in_turn(struct outlook *outlook)
{
	uint64_t now = time_now_ns(false);
	if (now >= threads.request_look_ns) {
		threads.request_look_ns = now + GUEST_SLICE_NS;
		if (serve_request(0))
			return true;
	}
	if (threads.request_look_ns < outlook->next_ns)
		outlook->next_ns = threads.request_look_ns;
	return false;
}

/* ── whose turn it is ────────────────────────────────────────────────────────────────────────── */

/* The next one; NULL: nobody. *contended: there are others. */
static struct thread *next_runnable(bool *contended)
{
	struct thread *thread = threads.current, *next = NULL;
	*contended = false;
	do {
		thread = thread->next;
		if (thread->state != THREAD_RUNNABLE)
			continue;
		*contended = next;
		if (next)
			break;
		next = thread;
	} while (thread != threads.current);
	return next;
}

static __attribute__((noreturn)) void end_deadlock(void)
{
	machine_tell("all threads of the program wait for each other, for ever: it is ended");
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
	thread_free(ended);
}

/* Nobody can run. Returns until when the machine has slept; 0: something else came first. */
static uint64_t wait_outside(struct outlook outlook)
{
	if (outlook.request)
		return serve_request(outlook.next_ns) ? 0 : outlook.next_ns;
	if (outlook.next_ns == THREAD_NO_DEADLINE)
		end_deadlock();
	uint64_t now = time_now_ns(false);
	if (outlook.next_ns > now)
		time_sleep(outlook.next_ns - now);
	return outlook.next_ns;
}

/* Runs whoever can; sleeps while nobody can. Returns when the current thread's turn has come. */
static void schedule(void)
{
	uint64_t slept_until = 0;
	for (;;) {
		struct outlook outlook = expire_waits(slept_until);
		bool contended;
		struct thread *next = next_runnable(&contended), *before = threads.current;
		if (!next) {
			slept_until = wait_outside(outlook);
			continue;
		}
		if (outlook.request && serve_request_in_turn(&outlook))
			continue;
		plan_turn(outlook.next_ns, contended);
		if (next != before) {
			threads.current = next;
			machine_switch(before, next);
		}
		free_ended();
		return;
	}
}

int thread_wait(const void *channel, uint64_t deadline_ns, const char *waiting_for)
{
	struct thread *self = threads.current;
	if (signal_is_due())
		return -EINTR;
	if (threads.count == 1 && deadline_ns == THREAD_NO_DEADLINE && !self->awaits_request &&
	    timers_next() == THREAD_NO_DEADLINE)
		return (int)process_deadlock(waiting_for);
	self->channel = channel;
	self->deadline_ns = deadline_ns;
	self->state = THREAD_WAITING;
	schedule();
	self->channel = NULL;
	self->awaits_request = false;
	return self->wait_result;
}

void thread_tick(void)
{
	machine_control()->tick_missed = 0;
	threads.sliced = false;
	schedule();
}

/* Times that others wait for have passed while there was no clone. All the same who waited for the
 * request has a turn first: it may be over before the others are needed. A turn ends when the
 * monitor looks, where it does, so that it looks once. */
void threads_resume(void)
{
	bool contended;
	threads.sliced = false;
	next_runnable(&contended);
	uint64_t next_ns = look_around().next_ns, turn_end_ns = 0;
	if (next_ns != THREAD_NO_DEADLINE)
		turn_end_ns = machine_control()->armed_ns;
	if (next_ns != THREAD_NO_DEADLINE && !turn_end_ns)
		turn_end_ns = time_now_ns(false) + GUEST_SLICE_NS;
	plan_turn(next_ns > turn_end_ns ? next_ns : turn_end_ns, contended);
}

void thread_join_ring(struct thread *thread)
{
	struct thread *before = threads.current;
	while (before->next != threads.current)
		before = before->next;
	thread->next = threads.current;
	before->next = thread;
	threads.count++;
	start_slice();
}

void thread_leave_ring(void)
{
	free_ended();
	threads.current->state = THREAD_ENDED;
	threads.ended = threads.current;
	threads.count--;
	for (;;)
		schedule();
}

int64_t call_sched_yield(const uint64_t arguments[6])
{
	if (threads.count > 1)
		schedule();
	return 0;
}
