/* Whose turn it is: the ring of threads, their waits, and when a turn ends.
 *
 * A thread runs until it waits, yields, or is interrupted by a tick. Ticks come only while they are
 * needed: where another thread can run, too, or a time is waited for. */
#include <errno.h>
#include <signal.h>

#include "arch/registers.h"
#include "arch/thread_state.h"
#include "guest/lib/large_data.h"
#include "guest/lib/system_call.h"
#include "guest/machine/clock.h"
#include "guest/machine/hypercall.h"
#include "guest/machine/machine.h"
#include "guest/mm/address_space.h"
#include "guest/mm/heap.h"
#include "guest/mm/pool.h"
#include "process.h"
#include "processor_time.h"
#include "thread.h"

const char thread_files_channel;

#define STACK_PAGES 9 /* of a thread in the library OS, its vector state at the bottom */
_Static_assert(VECTOR_STATE_MAX == GUEST_PAGE_SIZE, "eight pages are left");

/* The first thread's; its stack is the one that the machine begins on. */
static LARGE_DATA _Alignas(64) uint8_t first_vector_state[VECTOR_STATE_MAX];

struct thread thread_of_first_process = {
    .processor = {.vector_state = first_vector_state, .stack_top = (uint64_t)libos_stack_top},
    .next = &thread_of_first_process,
    .process = &process_first,
    .id = PROCESS_FIRST_ID,
    .alternate_stack = {.ss_flags = SS_DISABLE},
};

static struct {
	struct thread *current;
	struct process *looked_at; /* by the current one, in its place; see process_look_as() */
	struct thread *ended;	   /* its stack is in use until another one runs */
	uint32_t count;
	bool sliced;	  /* the alarm is set for the end of a turn, or a tick is coming */
	uint64_t look_ns; /* when to look outside while somebody runs */
	struct thread_turns ended_turns; /* of those that are gone */
	struct thread_timers *timers;	 /* kinds of timers that there were; NULL: none yet */
} threads = {.current = &thread_of_first_process, .count = 1};

struct thread *thread_current(void)
{
	return threads.current;
}

struct process *process_current(void)
{
	return threads.looked_at ? threads.looked_at : threads.current->process;
}

void process_look_as(struct process *process)
{
	threads.looked_at = process;
	/* One that has ended has no memory. */
	if (process_current()->memory)
		address_space_enter(process_current()->memory);
}

uint32_t thread_count(void)
{
	return threads.count;
}

struct system_call_frame *thread_frame(void)
{
	return (struct system_call_frame *)threads.current->processor.stack_top - 1;
}

/* Its vector state lies at the bottom of its stack. */
struct thread *thread_allocate(void)
{
	struct thread *thread = heap_allocate(sizeof(*thread));
	if (!thread)
		return NULL;
	void *pages = pool_allocate(STACK_PAGES);
	if (!pages) {
		heap_free(thread, sizeof(*thread));
		return NULL;
	}
	thread->processor.vector_state = pages;
	thread->processor.stack_top = (uint64_t)pages + STACK_PAGES * GUEST_PAGE_SIZE;
	return thread;
}

void thread_discard(struct thread *thread)
{
	pool_release(thread->processor.vector_state, STACK_PAGES);
	heap_free(thread, sizeof(*thread));
}

bool thread_signal_is_due(void)
{
	const struct thread *thread = threads.current;
	return ((thread->signals.pending | thread->process->signals.pending) & ~thread->blocked) ||
	       thread->process->halted;
}

/* ── ticks ───────────────────────────────────────────────────────────────────────────────────── */

void thread_set_alarm(uint64_t when_ns)
{
	volatile struct guest_control *control = machine_control();
	uint64_t alarm_ns = control->alarm_ns;
	if (when_ns == NO_DEADLINE || (alarm_ns && when_ns >= alarm_ns))
		return;
	control->alarm_ns = when_ns;
	/* Written before armed_ns is read: so either the monitor sees the alarm when it looks next,
	 * or we see here that it will not look in time. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	uint64_t armed_ns = control->armed_ns;
	/* Up to a slice later is early enough: a thread that sleeps for microseconds again and
	 * again while another one computes must not make a hypercall each time. */
	if (!armed_ns || (armed_ns > GUEST_SLICE_NS && armed_ns - GUEST_SLICE_NS > when_ns))
		machine_hypercall(HYPERCALL_TICK, 0, 0, 0);
}

/* The turn of whoever runs ends, because others can run, too. */
static void start_slice(void)
{
	if (threads.sliced)
		return;
	threads.sliced = true;
	thread_set_alarm(clock_read_ns(false) + GUEST_SLICE_NS);
}

/* A turn begins. `next_ns`: what others wait for; `contended`: they need not wait. */
static void plan_turn(uint64_t next_ns, bool contended)
{
	volatile struct guest_control *control = machine_control();
	if (contended) {
		start_slice();
	} else {
		if (threads.sliced) /* a page that is not written need not be reset */
			threads.sliced = false;
		uint64_t alarm_ns = control->alarm_ns;
		if (alarm_ns && alarm_ns < next_ns)
			control->alarm_ns = next_ns == NO_DEADLINE ? 0 : next_ns;
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

void thread_wake_watchers(uint64_t mark)
{
	struct thread *thread = threads.current;
	do {
		if (thread->channel == &thread_files_channel && thread->watched & mark)
			thread_resume(thread, 0);
		thread = thread->next;
	} while (thread != threads.current);
}

void thread_wake(const void *channel)
{
	struct thread *thread = threads.current;
	/* The current one waits, too, where a timer wakes. */
	do {
		if (thread->channel == channel)
			thread_resume(thread, 0);
		thread = thread->next;
	} while (thread != threads.current);
}

void thread_add_timers(struct thread_timers *timers)
{
	if (timers->added)
		return;
	timers->added = true;
	timers->next = threads.timers;
	threads.timers = timers;
}

static uint64_t next_timer_ns(void)
{
	uint64_t next_ns = NO_DEADLINE;
	for (struct thread_timers *timers = threads.timers; timers; timers = timers->next) {
		const uint64_t one_ns = timers->next_ns();
		next_ns = one_ns < next_ns ? one_ns : next_ns;
	}
	return next_ns;
}

/* When the thread's turn has to end for a timer of processor time. */
static uint64_t turn_timer_ns(const struct thread *thread)
{
	uint64_t next_ns = NO_DEADLINE;
	if (thread->state == THREAD_ENDED)
		return next_ns;
	for (struct thread_timers *timers = threads.timers; timers; timers = timers->next) {
		const uint64_t one_ns = timers->turn_ns ? timers->turn_ns(thread) : NO_DEADLINE;
		next_ns = one_ns < next_ns ? one_ns : next_ns;
	}
	return next_ns;
}

static void expire_turn_timers(void)
{
	const uint64_t due_ns = turn_timer_ns(threads.current);
	if (due_ns == NO_DEADLINE)
		return;
	const uint64_t now = clock_read_ns(false);
	for (struct thread_timers *timers = threads.timers; timers && due_ns <= now;
	     timers = timers->next)
		timers->expire(now);
}

/* What the threads wait for. */
struct outlook {
	uint64_t next_ns;	    /* when the next wait or timer ends; NO_DEADLINE */
	thread_look_function *look; /* for what comes from outside; NULL: nobody does */
};

static struct outlook look_around(void)
{
	struct outlook outlook = {.next_ns = next_timer_ns()};
	struct thread *thread = threads.current;
	do {
		if (thread->state == THREAD_WAITING) {
			if (thread->deadline_ns < outlook.next_ns)
				outlook.next_ns = thread->deadline_ns;
			if (thread->look)
				outlook.look = thread->look;
		}
		thread = thread->next;
	} while (thread != threads.current);
	return outlook;
}

/* Ends the waits whose time has come; it is `least_ns` at least. */
static struct outlook expire_waits(uint64_t least_ns)
{
	struct outlook outlook = look_around();
	if (outlook.next_ns == NO_DEADLINE)
		return outlook;
	uint64_t now = clock_read_ns(false);
	if (now < least_ns)
		now = least_ns;
	if (now < outlook.next_ns)
		return outlook;
	for (struct thread_timers *timers = threads.timers; timers; timers = timers->next)
		timers->expire(now);
	struct thread *thread = threads.current;
	do {
		if (thread->state == THREAD_WAITING && thread->deadline_ns <= now)
			thread_resume(thread, -ETIMEDOUT);
		thread = thread->next;
	} while (thread != threads.current);
	return look_around();
}

/* Looks outside, waiting until that time, and lets those go on who wait for what is there. */
static bool look_outside(thread_look_function *look, uint64_t until_ns)
{
	if (!look(until_ns))
		return false;
	struct thread *thread = threads.current;
	do {
		if (thread->look)
			thread_resume(thread, 0);
		thread = thread->next;
	} while (thread != threads.current);
	return true;
}

/* While somebody runs, that is done once in a slice. */
static bool look_outside_in_turn(struct outlook *outlook)
{
	uint64_t now = clock_read_ns(false);
	if (now >= threads.look_ns) {
		threads.look_ns = now + GUEST_SLICE_NS;
		if (look_outside(outlook->look, 0))
			return true;
	}
	if (threads.look_ns < outlook->next_ns)
		outlook->next_ns = threads.look_ns;
	return false;
}

/* ── whose turn it is ────────────────────────────────────────────────────────────────────────── */

static bool can_run(const struct thread *thread)
{
	return thread->state == THREAD_RUNNABLE && !thread->process->stopped_by;
}

/* The thread whose turn is next; NULL: none can run. *contended: others could run, too. */
static struct thread *next_runnable(bool *contended)
{
	struct thread *thread = threads.current, *next = NULL;
	*contended = false;
	do {
		thread = thread->next;
		if (!can_run(thread))
			continue;
		*contended = next;
		if (next)
			break;
		next = thread;
	} while (thread != threads.current);
	return next;
}

/* On Linux the program would wait until somebody kills it; here nobody else is there to do so. */
static __attribute__((noreturn)) void end_deadlock(void)
{
	if (process_first.next)
		machine_tell(
		    "all processes of the machine wait for each other, for ever: it is ended");
	else
		machine_tell(
		    "all threads of the program wait for each other, for ever: it is ended");
	machine_abort(SIGKILL);
}

static __attribute__((noreturn)) void end_lone_wait(const char *waiting_for)
{
	machine_tell("the program waits for %s, for ever, as it has no other thread: it is ended",
		     waiting_for);
	machine_abort(SIGKILL);
}

static void take_out(struct thread *ended)
{
	struct thread *before = ended;
	while (before->next != ended)
		before = before->next;
	before->next = ended->next;
	threads.ended_turns.waits += ended->waits;
	threads.ended_turns.interruptions += ended->interruptions;
	thread_discard(ended);
}

void thread_free_ended(void)
{
	struct thread *ended = threads.ended;
	if (!ended || ended == threads.current)
		return;
	threads.ended = NULL;
	struct process *process = ended->process;
	struct thread *first = process->first_thread;
	/* The place of a process' main thread in the ring stays as long as the process. */
	if (ended != first)
		take_out(ended);
	if (process->phase < PROCESS_ENDED)
		return;
	process->first_thread = NULL;
	take_out(first);
	process_leave(process);
}

struct thread_turns thread_turns(void)
{
	struct thread_turns turns = threads.ended_turns;
	const struct thread *thread = threads.current;
	do {
		turns.waits += thread->waits;
		turns.interruptions += thread->interruptions;
		thread = thread->next;
	} while (thread != threads.current);
	return turns;
}

/* Nobody can run. Returns until when the machine has slept; 0: something else came first. */
static uint64_t wait_outside(struct outlook outlook)
{
	const volatile struct guest_control *control = machine_control();
	if (outlook.look) {
		const bool found = look_outside(outlook.look, outlook.next_ns);
		return found || control->signals ? 0 : outlook.next_ns;
	}
	if (outlook.next_ns == NO_DEADLINE && !control->signals_may_come)
		end_deadlock();
	uint64_t now = clock_read_ns(false);
	if (outlook.next_ns > now)
		machine_hypercall(HYPERCALL_SLEEP, outlook.next_ns - now, 0, 0);
	return control->signals ? 0 : outlook.next_ns;
}

static void enter_memory(const struct thread *next)
{
	struct process *process = next->process;
	const int error = address_space_try_enter(process->memory);
	if (!error)
		return;
	machine_tell("process %u cannot have memory of its own (error %d): it is ended",
		     process_id_of(process), -error);
	process_begin_end(process, SIGKILL);
}

/* Runs threads that can run, sleeps while none can. Returns when it is the current thread's
 * turn. */
static void schedule(void)
{
	uint64_t slept_until = 0;
	expire_turn_timers();
	for (;;) {
		struct outlook outlook = expire_waits(slept_until);
		bool contended;
		struct thread *next = next_runnable(&contended), *before = threads.current;
		if (!next) {
			slept_until = wait_outside(outlook);
			continue;
		}
		if (outlook.look && look_outside_in_turn(&outlook))
			continue;
		const uint64_t turn_end_ns = turn_timer_ns(next);
		plan_turn(turn_end_ns < outlook.next_ns ? turn_end_ns : outlook.next_ns, contended);
		if (next != before) {
			processor_time_switch(before, next);
			enter_memory(next);
			before->interruptions += before->state == THREAD_RUNNABLE;
			threads.current = next;
			thread_state_switch(&before->processor, &next->processor);
		}
		thread_free_ended();
		return;
	}
}

/* It can run again when its process goes on. */
static void stay_stopped(const struct thread *self)
{
	while (__builtin_expect(self->process->stopped_by != 0, 0))
		schedule();
}

void thread_heed_process(void)
{
	const struct process *process = threads.current->process;
	if (__builtin_expect(!process->halted, 1))
		return;
	stay_stopped(threads.current);
	if (process->phase != PROCESS_LIVES ||
	    (process->goes_on_alone && process->goes_on_alone != threads.current))
		thread_end();
}

int thread_wait(const void *channel, uint64_t deadline_ns, const char *waiting_for)
{
	struct thread *self = threads.current;
	stay_stopped(self);
	if (thread_signal_is_due()) {
		self->look = NULL;
		return -EINTR;
	}
	if (threads.count == 1 && deadline_ns == NO_DEADLINE && !self->look &&
	    next_timer_ns() == NO_DEADLINE && !machine_control()->signals_may_come)
		end_lone_wait(waiting_for);
	self->channel = channel;
	self->deadline_ns = deadline_ns;
	self->state = THREAD_WAITING;
	self->waits++;
	schedule();
	self->channel = NULL;
	self->look = NULL;
	return self->wait_result;
}

void thread_tick(void)
{
	machine_control()->tick_missed = 0;
	threads.sliced = false;
	schedule();
}

/* Times that other threads wait for have passed while there was no clone. Even so, the thread that
 * waited for the request has a turn first, because the request may be over before the others are
 * needed. If the monitor is going to look for an alarm, the turn ends then, so that it looks only
 * once. */
void threads_resume(void)
{
	bool contended;
	threads.sliced = false;
	next_runnable(&contended);
	uint64_t next_ns = look_around().next_ns, turn_end_ns = 0;
	const uint64_t timer_ns = turn_timer_ns(threads.current);
	next_ns = timer_ns < next_ns ? timer_ns : next_ns;
	if (next_ns != NO_DEADLINE)
		turn_end_ns = machine_control()->armed_ns;
	if (next_ns != NO_DEADLINE && !turn_end_ns)
		turn_end_ns = clock_read_ns(false) + GUEST_SLICE_NS;
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
	thread->process->thread_count++;
	start_slice();
}

void thread_leave_ring(void)
{
	thread_free_ended();
	threads.current->state = THREAD_ENDED;
	threads.ended = threads.current;
	threads.count--;
	threads.current->process->thread_count--;
	for (;;)
		schedule();
}

/* Those that wait are told that they were interrupted; those that have not begun do not begin. */
void thread_end_all(struct process *process)
{
	struct thread *thread = NULL;
	while ((thread = thread_next_of(process, thread))) {
		if (thread != threads.current)
			thread_state_divert(&thread->processor, thread_end);
		thread_resume(thread, -EINTR);
	}
}

/* ── another program ─────────────────────────────────────────────────────────────────────────── */

/* Each goes in its own turn, and lets go of what it holds. */
void thread_end_others(void)
{
	struct process *process = threads.current->process;
	process->goes_on_alone = threads.current;
	process->halted = true;
	thread_end_all(process);
	while (process->thread_count > 1)
		schedule();
	process->goes_on_alone = NULL;
	process->halted = process->stopped_by || process->phase != PROCESS_LIVES;
	thread_free_ended();
}

/* What a thread keeps when another program begins: its signals, and how it is scheduled. */
static void become_first(struct thread *self, struct thread *first)
{
	first->signals = self->signals;
	self->signals = (struct signal_queue){0};
	first->blocked = self->blocked;
	first->alternate_stack = self->alternate_stack;
	first->policy = self->policy;
	first->policy_resets = self->policy_resets;
	first->nice = self->nice;
	first->io_priority = self->io_priority;
	first->channel = NULL;
	first->look = NULL;
	first->restore_mask = first->returns_from_handler = false;
	first->awaited = first->clear_id = first->robust_list = 0;
	first->futex_owner = 0;
	first->state = THREAD_RUNNABLE;
}

void thread_start_program(uint64_t entry, uint64_t stack)
{
	struct thread *self = threads.current, *first = self->process->first_thread;
	thread_state_start(&first->processor, entry, stack);
	if (self == first) {
		thread_state_load(&first->processor);
		self->returns_from_handler = true;
		return;
	}
	become_first(self, first);
	thread_state_begin_in_program(&first->processor);
	processor_time_switch(self, first);
	self->state = THREAD_ENDED;
	threads.ended = self;
	threads.current = first;
	thread_state_switch(&self->processor, &first->processor);
}

SYSTEM_CALL(sched_yield)
{
	if (threads.count > 1)
		schedule();
	return 0;
}
