/* Signals inside the library OS: signals.c knows who gets which, signal_frame.c lets handlers run.
 */
#ifndef MAYFLY_GUEST_SIGNALS_H
#define MAYFLY_GUEST_SIGNALS_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "libos.h"
#include "thread.h"

#define SIGNAL_BIT(n)	      (1UL << ((n)-1))
#define SIGNAL_SET_SIZE	      8
#define SIGNAL_REAL_TIME      32 /* from here on each is kept as often as it was sent */
#define SIGNALS_NEVER_BLOCKED (SIGNAL_BIT(SIGKILL) | SIGNAL_BIT(SIGSTOP))

/* How many may wait, of all threads together. */
#define SIGNALS_QUEUED_MAX 4096

/* As the kernel has it; the C library's differs. */
struct signal_action {
	uint64_t handler, flags, restorer, mask;
};

const struct signal_action *signal_action(int signal);
bool signal_is_ignored(int signal);
bool signal_has_handler(int signal);
void signal_reset_action(int signal);

/* To one thread, or to whichever does not block it. Does what Linux does: runs a handler (soon),
 * keeps the signal, drops it, or ends the program. 0, or -EAGAIN where too many wait. */
int signal_send_thread(struct thread *thread, const siginfo_t *information);
int signal_send_process(const siginfo_t *information);

/* What waits for the current thread, blocked or not. */
uint64_t signal_pending(void);

/* Takes a pending signal of the set: its number, or 0. */
int signal_take(uint64_t set, siginfo_t *information);

/* The signal of that timer which waits for the thread (NULL: the process) since it last ran out; or
 * NULL. */
siginfo_t *signal_of_timer(struct thread *thread, int signal, int timer);

/* The thread ends: others get what was meant for any. */
void signal_leave_thread(struct thread *thread);

/* Where threads wait for signals. */
extern const char signal_channel;

/* The current thread's mask; the second until a handler has run or the call returns. */
void signal_set_mask(uint64_t mask);
void signal_set_mask_for_wait(uint64_t mask);

/* The same with the mask at an address of the program; 0: leave it. 0, -EINVAL or -EFAULT. */
int signal_read_mask_for_wait(uint64_t address, uint64_t size);

bool signal_on_alternate_stack(const struct thread *thread, uint64_t stack_pointer);

/* The signal of an x86 exception; 0: none. */
int signal_of_exception(uint64_t vector);

/* A program or a clone begins: its control page says which exceptions are taken. */
void signals_resume(void);

/* ── signal_queue.c ─────────────────────────────────────────────────────────────────────────── */

/* 0, also where it waits already; -EAGAIN where too many do. */
int signal_queue_add(struct signal_queue *queue, const siginfo_t *information, bool for_process);

/* The first of a signal of the set, faults before others, then the lowest number; 0: none. */
int signal_queue_take(struct signal_queue *queue, uint64_t set, siginfo_t *information);

/* The first of the set that any thread may have. */
bool signal_queue_take_back(struct signal_queue *queue, uint64_t set, siginfo_t *information);
void signal_queue_drop(struct signal_queue *queue, uint64_t set);
siginfo_t *signal_queue_of_timer(struct signal_queue *queue, int signal, int timer);

#endif
