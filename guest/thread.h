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

#include "libos.h"

#define SIGNAL_COUNT 64

/* Signals that wait for a thread, or for any of the process; see signals.h. */
struct signal_queue {
	uint64_t pending; /* one bit for each */
	struct queued_signal *first;
};

enum thread_state { THREAD_RUNNABLE, THREAD_WAITING, THREAD_ENDED };

struct thread {
	/* Known to entry.S by their offsets: what machine_switch() keeps. */
	uint64_t stack_pointer;
	uint64_t fs_base, gs_base;
	void *vector_state; /* aligned to 64 bytes, MACHINE_VECTOR_STATE_MAX long */
	uint64_t stack_top;

	struct thread *next; /* a ring of all threads */
	int32_t id;
	enum thread_state state;

	/* Waiting for what? */
	const void *channel;
	uint64_t futex;	      /* address, for threads at the futex channel */
	uint32_t futex_bits;  /* which wakers it listens to */
	uint64_t futex_turn;  /* who waits longer has the smaller one */
	int32_t futex_owner;  /* whose lock it waits for; see futex_lock.c */
	uint64_t deadline_ns; /* monotonic; THREAD_NO_DEADLINE */
	bool awaits_request;  /* at the channel of files, also for more of the request */
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
	uint64_t fault_vector, fault_error,
	    fault_address; /* the last one that it had a handler for */
};

#define THREAD_NO_DEADLINE UINT64_MAX

/* Results of a wait, and of a call that is to be made again when a handler with SA_RESTART has run;
 * the program never sees it. */
#define RESTART_CALL	    512
#define RESTART_CALL_ALWAYS 513 /* also without SA_RESTART */

struct thread *thread_current(void);
struct thread *thread_first(void);
uint32_t thread_count(void);

/* The thread with that id, or NULL. */
struct thread *thread_find(int32_t id);

/* The program's registers, while the current thread is in the library OS. */
struct system_call_frame *thread_frame(void);

/* Lets the others run until thread_wake() is called for the channel, or until the deadline.
 * 0; -ETIMEDOUT; -EINTR where a signal wants the thread's attention; -EDEADLK where it is the only
 * thread and nothing could ever end the wait (`waiting_for` tells the log). */
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

/* For threads.c: a thread that can run has its turn last; the current one has no more. */
void thread_join_ring(struct thread *thread);
__attribute__((noreturn)) void thread_leave_ring(void);

/* Its memory, when it has left the ring. */
void thread_free(struct thread *thread);

/* What waits for a change of any file's readiness; see thread_wait(). */
extern const char thread_files_channel;

/* The current thread ends. */
__attribute__((noreturn)) void thread_end(int status);

/* ── futex.c ────────────────────────────────────────────────────────────────────────────────── */

/* Wakes up to `count` threads that wait at the address; returns how many. */
int64_t futex_wake(uint64_t address, uint32_t count, uint32_t bits);

/* Waits there; results as thread_wait(). The one who waits longest, or NULL. */
int futex_wait_at(const void *channel, uint64_t address, uint32_t bits, uint64_t deadline_ns);
struct thread *futex_first_waiter(const void *channel, uint64_t address, uint32_t bits);

/* Marks the locks that a thread died with, so that who waits for them learns of it. */
void futex_release_robust(struct thread *thread);

/* ── futex_lock.c ───────────────────────────────────────────────────────────────────────────── */

int64_t futex_lock(uint64_t address, uint64_t deadline_ns);
int64_t futex_try_lock(uint64_t address);
int64_t futex_unlock(uint64_t address);

/* Makes the first of those who wait for the lock its owner, with `flags` in its word. */
bool futex_hand_over(uint64_t address, uint32_t flags);

/* A thread died: those who wait for its locks get them. */
void futex_release_locks(const struct thread *owner);

/* ── timers.c ───────────────────────────────────────────────────────────────────────────────── */

/* Sends the signals of timers that have run out. */
void timers_expire(uint64_t now_ns);

/* When the next timer runs out; THREAD_NO_DEADLINE. */
uint64_t timers_next(void);

#endif
