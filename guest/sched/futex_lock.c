/* Locks in futexes (FUTEX_LOCK_PI and its kind): the word holds the owner's thread id, and whoever
 * unlocks hands over to the one that waits longest. On Linux the owner inherits its priority; here
 * all threads have the same. */
#include "futex_lock.h"

#include <errno.h>
#include <linux/futex.h>

#include "futex_wait.h"
#include "guest/mm/address_space.h"
#include "guest/mm/shared.h"
#include "guest/mm/user_memory.h"
#include "process.h"
#include "thread.h"

static const char lock_channel;

static struct thread *first_waiter(uint64_t address)
{
	return futex_first_waiter(&lock_channel, address, FUTEX_BITSET_MATCH_ANY);
}

static bool waits_for_lock(const struct thread *thread)
{
	return thread->state == THREAD_WAITING && thread->channel == &lock_channel;
}

static int read_word(uint64_t address, uint32_t *word)
{
	return user_writable(address, sizeof(*word)) ? user_copy_in(word, address, sizeof(*word))
						     : -EFAULT;
}

/* 0: it is ours now. -EAGAIN: another thread's, as *word says. */
static int take_if_free(uint64_t address, uint32_t *word)
{
	int error = read_word(address, word);
	if (error)
		return error;
	uint32_t owner = *word & FUTEX_TID_MASK, self = (uint32_t)thread_current()->id;
	if (owner == self)
		return -EDEADLK;
	if (owner)
		return -EAGAIN;
	*word = self | (*word & FUTEX_OWNER_DIED) | (first_waiter(address) ? FUTEX_WAITERS : 0);
	return user_copy_out(address, word, sizeof(*word));
}

int64_t futex_try_lock(uint64_t address)
{
	uint32_t word;
	return take_if_free(address, &word);
}

int64_t futex_lock(uint64_t address, uint64_t deadline_ns)
{
	uint32_t word;
	int error = take_if_free(address, &word);
	if (error != -EAGAIN)
		return error;
	if (!thread_find((int32_t)(word & FUTEX_TID_MASK)))
		return -ESRCH;
	word |= FUTEX_WAITERS;
	user_copy_out(address, &word, sizeof(word));
	thread_current()->futex_owner = (int32_t)(word & FUTEX_TID_MASK);
	error = futex_wait_at(&lock_channel, address, FUTEX_BITSET_MATCH_ANY, deadline_ns);
	return error == -EINTR ? -RESTART_CALL_ALWAYS : error;
}

int64_t futex_lock_for(struct thread *waiter, uint64_t address)
{
	uint32_t word;
	int error = read_word(address, &word);
	if (error)
		return error;
	const uint32_t owner = word & FUTEX_TID_MASK;
	if (owner == (uint32_t)waiter->id)
		return -EDEADLK;
	if (owner && !thread_find((int32_t)owner))
		return -ESRCH;
	if (owner) {
		word |= FUTEX_WAITERS;
		waiter->channel = &lock_channel;
		waiter->futex = address;
		waiter->futex_home = shared_home(address);
		waiter->futex_owner = (int32_t)owner;
	} else {
		word = (uint32_t)waiter->id | (word & FUTEX_OWNER_DIED) |
		       (first_waiter(address) ? FUTEX_WAITERS : 0);
		thread_resume(waiter, 0);
	}
	user_copy_out(address, &word, sizeof(word));
	return !owner;
}

bool futex_hand_over(uint64_t address, uint32_t flags)
{
	struct thread *waiter = first_waiter(address);
	if (!waiter)
		return false;
	thread_resume(waiter, 0);
	uint32_t word = (uint32_t)waiter->id | flags;
	for (struct thread *other = waiter->next; other != waiter; other = other->next) {
		if (!waits_for_lock(other) || other->futex_home != waiter->futex_home)
			continue;
		word |= FUTEX_WAITERS;
		other->futex_owner = waiter->id;
	}
	user_copy_out(address, &word, sizeof(word));
	return true;
}

int64_t futex_unlock(uint64_t address)
{
	const uint32_t nobody = 0;
	uint32_t word;
	int error = read_word(address, &word);
	if (error)
		return error;
	if ((word & FUTEX_TID_MASK) != (uint32_t)thread_current()->id)
		return -EPERM;
	return futex_hand_over(address, 0) ? 0 : user_copy_out(address, &nobody, sizeof(nobody));
}

/* By what the library OS knows: C libraries write the word when a robust lock's owner dies. */
void futex_release_locks(const struct thread *owner)
{
	for (struct thread *thread = owner->next; thread != owner; thread = thread->next) {
		if (!waits_for_lock(thread) || thread->futex_owner != owner->id)
			continue;
		/* The address is one of the waiter's memory. */
		address_space_enter(thread->process->memory);
		futex_hand_over(thread->futex, FUTEX_OWNER_DIED);
	}
	address_space_enter(owner->process->memory);
}
