/* Signals inside the library OS: signals.c knows who gets which, signal_frame.c lets handlers run.
 */
#ifndef MAYFLY_GUEST_SIGNALS_H
#define MAYFLY_GUEST_SIGNALS_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "libos.h"
#include "thread.h"

#define SIGNAL_BIT(n) (1UL << ((n)-1))

/* As the kernel has it; the C library's differs. */
struct signal_action {
	uint64_t handler, flags, restorer, mask;
};

const struct signal_action *signal_action(int signal);
bool signal_is_ignored(int signal);
void signal_reset_action(int signal);

/* To one thread, or to whichever does not block it. Does what Linux does: runs a handler (soon),
 * keeps the signal, drops it, or ends the program. */
void signal_send_thread(struct thread *thread, int signal, const struct signal_cause *cause);
void signal_send_process(int signal, const struct signal_cause *cause);

/* Takes a pending signal of the set: its number, or 0. */
int signal_take(uint64_t set, struct signal_cause *cause);

/* The current thread's mask; the second until a handler has run or the call returns. */
void signal_set_mask(uint64_t mask);
void signal_set_mask_for_wait(uint64_t mask);

/* The same with the mask at an address of the program; 0: leave it. 0, -EINVAL or -EFAULT. */
int signal_read_mask_for_wait(uint64_t address, uint64_t size);

bool signal_on_alternate_stack(const struct thread *thread, uint64_t stack_pointer);

/* What a handler or sigtimedwait is told. */
void signal_describe(int signal, const struct signal_cause *cause, siginfo_t *information);

/* The signal of an x86 exception; 0: none. */
int signal_of_exception(uint64_t vector);

/* A clone begins: its control page says which exceptions are taken. */
void signals_resume(void);

#endif
