/* Signals: signals.c knows who gets which; arch/signals.h lets handlers run. */
#ifndef MAYFLY_GUEST_SIGNALS_H
#define MAYFLY_GUEST_SIGNALS_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "guest/sched/thread.h"

#define SIGNAL_SET_SIZE	      8
#define SIGNALS_NEVER_BLOCKED (SIGNAL_BIT(SIGKILL) | SIGNAL_BIT(SIGSTOP))

#ifndef SS_AUTODISARM
#define SS_AUTODISARM (1U << 31) /* the C library does not have it */
#endif

/* As the kernel has it; the C library's differs. */
struct signal_action {
	uint64_t handler, flags, restorer, mask;
};

/* Of a process: what is done with each signal. */
struct signal_actions;
extern struct signal_actions signal_actions_of_first;

/* The current process' for a child of it: the same ones (`shared`), or a copy. 0 or -ENOMEM. */
int signal_actions_copy(struct process *child, bool shared);
void signal_actions_release(struct process *process);

/* The current process has its own from now on, where it shared them. 0 or -ENOMEM. */
int signal_actions_unshare(void);

/* No signal has a handler; what is ignored stays so. */
void signal_actions_forget_handlers(struct process *process);

const struct signal_action *signal_action(int signal);
const struct signal_action *signal_action_of(const struct process *process, int signal);
bool signal_is_ignored(int signal);
bool signal_has_handler(int signal);
void signal_reset_action(int signal);

/* Ends or stops the process, as the signal does that has no handler and is not ignored. */
void signal_do_default(struct process *process, int signal);

/* Sends the current thread a signal of the library OS's own (SIGPIPE). */
void signal_raise(int signal);

/* To one thread, or to whichever does not block it. Does what Linux does: runs a handler (soon),
 * keeps the signal, drops it, or ends the program. 0, or -EAGAIN where too many wait. */
int signal_send_thread(struct thread *thread, const siginfo_t *information);
int signal_send_process(struct process *process, const siginfo_t *information);

/* What waits for the current thread, blocked or not. */
uint64_t signal_pending(void);

/* Changes with each signal that comes to wait for anybody. */
uint32_t signal_activity(void);

/* Takes a pending signal of the set: its number, or 0. */
int signal_take(uint64_t set, siginfo_t *information);

/* The signal of that timer which waits for the thread (NULL: the process) since it last ran out; or
 * NULL. */
siginfo_t *signal_of_timer(struct process *process, struct thread *thread, int signal, int timer);

/* Another program begins: all signals of timers that nobody took are gone. */
void signal_forget_timers(void);

/* Another program begins in the current thread, which is the only one: no signal has a handler any
 * more, and there is no alternate stack. What is ignored, blocked or pending stays so. */
void signals_start_program(void);

/* The thread ends: others get what was meant for any. */
void signal_leave_thread(struct thread *thread);

/* Where threads wait for signals. */
extern const char signal_channel;

/* The current thread's mask; the second until a handler has run or the call returns. */
void signal_set_mask(uint64_t mask);
void signal_set_mask_for_wait(uint64_t mask);

/* The same with the mask at an address of the program; 0: leave it. 0, -EINVAL or -EFAULT. */
int signal_read_mask_for_wait(uint64_t address, uint64_t size);

/* True if the address lies on the stack. The second: if the thread is on its alternate stack, which
 * is never so for one that disarms itself (SS_AUTODISARM). */
bool signal_stack_contains(const stack_t *stack, uint64_t address);
bool signal_on_alternate_stack(const struct thread *thread, uint64_t stack_pointer);

/* The current thread's, while its stack pointer is there. 0; -EPERM, -EINVAL, -ENOMEM as
 * sigaltstack(2). */
int signal_set_alternate_stack(const stack_t *wanted, uint64_t stack_pointer);

/* SIGSEGV for the current thread, as a kernel sends it: it cannot be blocked or ignored. */
void signal_force_fault(void);

/* A program or a clone begins: its control page says which exceptions are taken, and whether signals
 * come from outside. */
void signals_resume(void);

#endif
