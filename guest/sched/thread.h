/* Threads of the program: one runs, the others wait for their turn, for an event or for a time.
 *
 * Each has a stack of the library OS of its own, with the program's registers at its top while the
 * thread is in the library OS. Switching happens inside the library OS only: where a thread waits,
 * yields, or was interrupted by a tick.
 */
#ifndef MAYFLY_GUEST_THREAD_H
#define MAYFLY_GUEST_THREAD_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "arch/thread_state.h"
#include "guest/machine/clock.h"

#define SIGNAL_COUNT  64
#define SIGNAL_BIT(n) (1UL << ((n)-1))

/* Signals that wait for a thread, or for any of the process; see signals.h. */
struct signal_queue {
	uint64_t pending; /* one bit for each */
	struct queued_signal *first;
};

enum thread_phase { THREAD_RUNNABLE, THREAD_WAITING, THREAD_ENDED };

/* Looks for something that comes from outside of the guest (the request), waiting until that
 * monotonic time at most. True: it is there. */
typedef bool thread_look_function(uint64_t until_ns);

struct process;

struct thread {
	struct thread_state processor; /* while it does not run */

	struct thread *next; /* a ring of all threads */
	struct process *process;
	int32_t id;
	enum thread_phase state;

	/* Waiting for what? */
	const void *channel;
	uint64_t futex;	      /* address, for threads at the futex channel */
	uint64_t futex_home;  /* the same for all addresses that share it (shared.h) */
	uint32_t futex_bits;  /* which wakers it listens to */
	uint64_t futex_turn;  /* who waits longer has the smaller one */
	uint64_t futex_lock;  /* the lock that it is to have then; see FUTEX_WAIT_REQUEUE_PI */
	int32_t futex_owner;  /* whose lock it waits for; see futex_lock.c */
	uint64_t deadline_ns; /* monotonic; NO_DEADLINE */
	thread_look_function *look; /* looks for what it waits for from outside; or NULL */
	bool poll_waits;	    /* the poll that it is in, if nothing is ready */
	uint64_t watched; /* at the files' channel: inodes, one bit for each, some share one */
	int wait_result;

	uint64_t clear_id; /* address to zero and wake at the thread's end; or 0 */
	uint64_t robust_list;

	struct signal_queue signals;
	uint64_t blocked;    /* one bit for each */
	uint64_t awaited;    /* by sigtimedwait */
	uint64_t saved_mask; /* to restore when a handler has run, after sigsuspend */
	bool restore_mask;
	bool returns_from_handler; /* by the system call that it is in */
	stack_t alternate_stack;

	uint64_t processor_ns; /* that it had used when it last stopped; see processor_time.c */

	/* What it was given and is told; see policy.c. */
	uint8_t policy;	    /* SCHED_… */
	bool policy_resets; /* not for threads that it makes */
	int nice;
	uint16_t io_priority;

	uint64_t waits, interruptions; /* turns that it gave up, and that were taken from it */
};

/* Results of a wait, and of a call that is to be made again when a handler with SA_RESTART has run;
 * the program never sees it. */
#define RESTART_CALL	    512
#define RESTART_CALL_ALWAYS 513 /* also without SA_RESTART */

/* The one that the machine begins with. */
extern struct thread thread_of_first_process;

struct thread *thread_current(void);

/* The current thread ends. In guest/kernel, which knows all that it leaves behind. (Its address is
 * taken: hidden, so that it needs no table of addresses.) */
__attribute__((noreturn, visibility("hidden"))) void thread_end(void);

/* Threads of all processes that have not ended. */
uint32_t thread_count(void);
uint32_t thread_count_runnable(void);

/* Those of one process: the one behind `before` (NULL: the first); NULL behind the last. */
struct thread *thread_next_of(const struct process *process, const struct thread *before);

/* Turns that all threads, those that ended too, gave up or lost. */
struct thread_turns {
	uint64_t waits, interruptions;
};

struct thread_turns thread_turns(void);

/* The thread with that id, or NULL. */
struct thread *thread_find(int32_t id);

/* The program's registers, while the current thread is in the library OS. */
struct system_call_frame *thread_frame(void);

/* Lets the others run until thread_wake() is called for the channel, or until the deadline.
 * 0; -ETIMEDOUT; -EINTR where a signal wants the thread's attention. Where nothing could ever end
 * the waits of all threads, the program ends here (`waiting_for` tells the log of the only one). */
int thread_wait(const void *channel, uint64_t deadline_ns, const char *waiting_for);

/* Makes all threads runnable that wait for the channel. */
void thread_wake(const void *channel);

/* Ends one thread's wait with that result. */
void thread_resume(struct thread *thread, int result);

/* The current thread was interrupted: lets another one run, if one can. */
void thread_tick(void);

/* Interrupts the program at that monotonic time, or up to a slice later. Where an earlier alarm is
 * set, that stays. */
void thread_set_alarm(uint64_t when_ns);

/* A clone begins: its control page says nothing of alarms. */
void threads_resume(void);

/* For those who make threads and end them: a thread that can run has its turn last; the current
 * one has no more. */
void thread_join_ring(struct thread *thread);
__attribute__((noreturn)) void thread_leave_ring(void);

/* The current thread goes on without the others of its process: each of them ends as soon as it has let
 * go of what it held. */
void thread_end_others(void);

/* The current thread, the only one of its process, becomes its first one, if it is another, and begins
 * a program at `entry` with fresh registers when its call returns. Does not return where it was
 * another. */
void thread_start_program(uint64_t entry, uint64_t stack);

/* A thread with its stack in the library OS, in no ring and of no process yet; NULL: no memory. */
struct thread *thread_allocate(void);
void thread_discard(struct thread *thread);

/* All threads of a process are to end, wherever they are: those that wait, too. */
void thread_end_all(struct process *process);

/* The current thread stays here while its process is stopped, and ends here if that ends. */
void thread_heed_process(void);

/* What is left of a thread that has ended goes, and of its process, if that has ended, too. */
void thread_free_ended(void);

/* A signal, or the state of its process, wants the current thread's attention. */
bool thread_signal_is_due(void);

/* Timers, which the threads' waits have to heed: when the next one runs out (NO_DEADLINE), and what
 * to do when that time has come. */
struct thread_timers {
	uint64_t (*next_ns)(void);
	/* When a turn of that thread that begins now, or goes on, has to end for a timer of
	 * processor time: such a timer goes on only while the program runs. NULL: there are none. */
	uint64_t (*turn_ns)(const struct thread *thread);
	void (*expire)(uint64_t now_ns);
	struct thread_timers *next; /* of the scheduler: another kind */
	bool added;
};

/* From now on there may be timers of that kind. */
void thread_add_timers(struct thread_timers *timers);

/* What waits for a change of any file's readiness; see thread_wait(). */
extern const char thread_files_channel;

/* Wakes those of them that watch one of these inodes: where processes wait for others, each turn for
 * nothing would be two switches of address spaces. */
void thread_wake_watchers(uint64_t inodes);

#endif
