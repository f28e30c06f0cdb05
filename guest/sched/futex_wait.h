/* Threads that wait at an address of the program, in channels for different purposes. */
#ifndef MAYFLY_GUEST_FUTEX_WAIT_H
#define MAYFLY_GUEST_FUTEX_WAIT_H

#include <stdint.h>

struct thread;

/* Waits there; results as thread_wait(). */
int futex_wait_at(const void *channel, uint64_t address, uint32_t bits, uint64_t deadline_ns);

/* The thread that waits there longest, or NULL. */
struct thread *futex_first_waiter(const void *channel, uint64_t address, uint32_t bits);

#endif
