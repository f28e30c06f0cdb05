/* Locks in futexes; see futex_lock.c. */
#ifndef MAYFLY_GUEST_FUTEX_LOCK_H
#define MAYFLY_GUEST_FUTEX_LOCK_H

#include <stdbool.h>
#include <stdint.h>

struct thread;

int64_t futex_lock(uint64_t address, uint64_t deadline_ns);
int64_t futex_try_lock(uint64_t address);
int64_t futex_unlock(uint64_t address);

/* Makes the first of those who wait for the lock its owner, with `flags` in its word. */
bool futex_hand_over(uint64_t address, uint32_t flags);

/* A thread died: those who wait for its locks get them. */
void futex_release_locks(const struct thread *owner);

/* Takes the lock for a thread that waits for something else, and ends its wait (1); or lets it wait
 * for the lock from now on (0). A negative errno: it waits as before. */
int64_t futex_lock_for(struct thread *waiter, uint64_t address);

#endif
