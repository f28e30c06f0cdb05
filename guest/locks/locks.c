/* Locks on files; see locks.h. There are few, so all are in one list. An owner's locks of parts neither
 * overlap nor touch where they are of one type, as on Linux. */
#include "locks.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>

#include "guest/machine/clock.h"
#include "guest/mm/heap.h"
#include "guest/sched/thread.h"

/* How long a chain of waits is followed; as Linux. */
#define CHAIN_MAX 10

struct record {
	struct record *next;
	struct lock lock;
};

static struct record *records;

/* A thread that waits; it lies on its stack. */
struct waiter {
	struct waiter *next;
	const void *owner, *blocker;
};

static struct waiter *waiters;

static const char lock_channel;

static bool is_own(const struct lock *lock, const struct lock *wanted)
{
	return lock->inode == wanted->inode && lock->owner == wanted->owner &&
	       lock->kind == wanted->kind;
}

static bool conflicts(const struct lock *lock, const struct lock *wanted)
{
	return lock->inode == wanted->inode && lock->owner != wanted->owner &&
	       (lock->kind == LOCK_OF_WHOLE) == (wanted->kind == LOCK_OF_WHOLE) &&
	       (lock->type == F_WRLCK || wanted->type == F_WRLCK) && lock->start <= wanted->end &&
	       wanted->start <= lock->end;
}

const struct lock *lock_find_conflict(const struct lock *wanted)
{
	const struct lock *found = NULL;
	for (const struct record *record = records; record; record = record->next)
		if (conflicts(&record->lock, wanted) &&
		    (!found || record->lock.start < found->start))
			found = &record->lock;
	return wanted->type == F_UNLCK ? NULL : found;
}

static void add(struct record *record, const struct lock *lock)
{
	record->lock = *lock;
	record->next = records;
	records = record;
}

static void remove_at(struct record **place)
{
	struct record *record = *place;
	*place = record->next;
	heap_free(record, sizeof(*record));
}

/* Two of one type that overlap, or one begins where the other ends. */
static bool joins(const struct lock *lock, const struct lock *wanted)
{
	return lock->type == wanted->type &&
	       (lock->start <= wanted->end || lock->start - 1 == wanted->end) &&
	       (wanted->start <= lock->end || wanted->start - 1 == lock->end);
}

/* Takes [start, end] away from a lock. *spare: memory for what is left above it, which is needed once at
 * most, as an owner's locks do not overlap. */
static void cut(struct record **place, const struct lock *wanted, struct record **spare)
{
	struct record *record = *place;
	struct lock *const lock = &record->lock;
	if (*spare && lock->start < wanted->start && lock->end > wanted->end) {
		add(*spare, lock);
		(*spare)->lock.start = wanted->end + 1;
		*spare = NULL;
		lock->end = wanted->start - 1;
	} else if (lock->start < wanted->start) {
		lock->end = wanted->start - 1;
	} else if (lock->end > wanted->end) {
		lock->start = wanted->end + 1;
	} else {
		remove_at(place);
	}
}

/* Makes room for the lock among its owner's, which become part of it where they can. */
static void take_in(struct lock *wanted, struct record **spare)
{
	for (struct record **place = &records; *place;) {
		const struct record *record = *place;
		const struct lock *lock = &record->lock;
		if (is_own(lock, wanted) && joins(lock, wanted)) {
			wanted->start = lock->start < wanted->start ? lock->start : wanted->start;
			wanted->end = lock->end > wanted->end ? lock->end : wanted->end;
			remove_at(place);
			continue;
		}
		if (is_own(lock, wanted) && lock->start <= wanted->end &&
		    wanted->start <= lock->end)
			cut(place, wanted, spare);
		if (*place == record)
			place = &(*place)->next;
	}
}

static void wake_waiters(void)
{
	if (waiters)
		thread_wake(&lock_channel);
}

int lock_set(const struct lock *wanted)
{
	struct lock lock = *wanted;
	struct record *spare = heap_allocate(sizeof(*spare));
	struct record *made = lock.type == F_UNLCK ? NULL : heap_allocate(sizeof(*made));
	int error = !spare || (!made && lock.type != F_UNLCK) ? -ENOLCK : 0;
	if (!error && lock.kind == LOCK_OF_WHOLE) {
		/* The old one goes first, even where the new one cannot be had. */
		struct lock old = {
		    .kind = lock.kind,
		    .owner = lock.owner,
		    .inode = lock.inode,
		    .type = F_UNLCK,
		    .end = LOCK_END,
		};
		take_in(&old, &spare);
		wake_waiters();
	}
	if (!error && lock_find_conflict(&lock))
		error = -EAGAIN;
	if (!error) {
		take_in(&lock, &spare);
		if (made)
			add(made, &lock);
		made = NULL;
		wake_waiters();
	}
	heap_free(spare, sizeof(*spare));
	heap_free(made, sizeof(*made));
	return error;
}

/* ── waits ───────────────────────────────────────────────────────────────────────────────────── */

/* Does whoever is in the way wait for the owner, by way of others? */
static bool is_circle(const void *owner, const void *blocker)
{
	for (int i = 0; i < CHAIN_MAX && blocker; i++) {
		if (blocker == owner)
			return true;
		const struct waiter *waiter = waiters;
		while (waiter && waiter->owner != blocker)
			waiter = waiter->next;
		blocker = waiter ? waiter->blocker : NULL;
	}
	return false;
}

static int wait_once(const struct lock *wanted, const void *blocker)
{
	struct waiter waiter = {.next = waiters, .blocker = blocker};
	/* Open files can be anybody's: who waits for whom is known of processes only. */
	if (wanted->kind == LOCK_OF_PROCESS)
		waiter.owner = wanted->owner;
	if (waiter.owner && is_circle(waiter.owner, blocker))
		return -EDEADLK;
	waiters = &waiter;
	const int error = thread_wait(&lock_channel, NO_DEADLINE, "a lock on a file");
	struct waiter **place = &waiters;
	while (*place != &waiter)
		place = &(*place)->next;
	*place = waiter.next;
	return error;
}

int64_t lock_set_waiting(const struct lock *wanted)
{
	for (;;) {
		int error = lock_set(wanted);
		if (error != -EAGAIN)
			return error;
		error = wait_once(wanted, lock_find_conflict(wanted)->owner);
		if (error)
			return error == -EINTR ? -RESTART_CALL : error;
	}
}

void locks_release(const void *owner, const void *inode)
{
	bool any = false;
	for (struct record **place = &records; *place;) {
		const struct lock *lock = &(*place)->lock;
		if (lock->owner != owner || lock->inode != inode) {
			place = &(*place)->next;
			continue;
		}
		remove_at(place);
		any = true;
	}
	if (any)
		wake_waiters();
}
