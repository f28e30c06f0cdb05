/* Futexes. */
#ifndef MAYFLY_GUEST_FUTEX_H
#define MAYFLY_GUEST_FUTEX_H

#include <stdint.h>

struct thread;

/* Wakes up to `count` threads that wait at the address; returns how many. */
int64_t futex_wake(uint64_t address, uint32_t count, uint32_t bits);

/* Marks the locks that a thread died with, so that who waits for them learns of it. */
void futex_release_robust(struct thread *thread);

#endif
