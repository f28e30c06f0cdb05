/* Futexes: threads wait at an address until another one wakes them (futex(2)). */
#include <errno.h>
#include <linux/futex.h>

#include "calls.h"
#include "libos.h"
#include "thread.h"

/* A list of this length is none that a C library made (the kernel's own bound). */
#define ROBUST_LIST_MAX 2048

static const char futex_channel;

int64_t futex_wake(uint64_t address, uint32_t count, uint32_t bits)
{
	int64_t woken = 0;
	if (thread_count() == 1)
		return 0;
	struct thread *self = thread_current();
	for (struct thread *thread = self->next; thread != self && woken < count;
	     thread = thread->next) {
		if (thread->state != THREAD_WAITING || thread->channel != &futex_channel ||
		    thread->futex != address || !(thread->futex_bits & bits))
			continue;
		thread_resume(thread, 0);
		woken++;
	}
	return woken;
}

static int64_t requeue(uint64_t from, uint64_t to, uint32_t wake, uint32_t move)
{
	int64_t done = futex_wake(from, wake, FUTEX_BITSET_MATCH_ANY);
	struct thread *self = thread_current();
	uint32_t moved = 0;
	for (struct thread *thread = self->next; thread != self && moved < move;
	     thread = thread->next) {
		if (thread->state != THREAD_WAITING || thread->channel != &futex_channel ||
		    thread->futex != from)
			continue;
		thread->futex = to;
		moved++;
	}
	return done + moved;
}

struct futex_timeout {
	uint64_t address; /* 0: none */
	bool absolute, realtime;
};

/* The monotonic time at which a wait ends. */
static int read_deadline(struct futex_timeout timeout, uint64_t *deadline_ns)
{
	uint64_t duration;
	*deadline_ns = THREAD_NO_DEADLINE;
	if (!timeout.address)
		return 0;
	int error = time_read_timespec(timeout.address, &duration);
	if (error)
		return error;
	if (timeout.absolute) {
		uint64_t now = time_now_ns(timeout.realtime);
		duration = duration > now ? duration - now : 0;
	}
	*deadline_ns = time_deadline_ns(duration);
	return 0;
}

static int64_t futex_wait(uint64_t address, uint32_t expected, uint32_t bits,
			  struct futex_timeout timeout)
{
	uint32_t value;
	uint64_t deadline_ns;
	int error = user_copy_in(&value, address, sizeof(value));
	if (!error)
		error = read_deadline(timeout, &deadline_ns);
	if (error)
		return error;
	if (value != expected)
		return -EAGAIN;
	struct thread *self = thread_current();
	self->futex = address;
	self->futex_bits = bits;
	error = thread_wait(&futex_channel, deadline_ns, "a futex");
	return error == -EINTR && !timeout.address ? -RESTART_CALL : error;
}

int64_t call_futex(const uint64_t arguments[6])
{
	uint64_t address = arguments[0], operation = arguments[1], other = arguments[4];
	uint32_t value = (uint32_t)arguments[2], word;
	struct futex_timeout timeout = {.address = arguments[3]};
	int error;
	if (address % sizeof(uint32_t))
		return -EINVAL;
	switch (operation & FUTEX_CMD_MASK) {
	case FUTEX_WAIT:
		return futex_wait(address, value, FUTEX_BITSET_MATCH_ANY, timeout);
	case FUTEX_WAIT_BITSET:
		if (!(uint32_t)arguments[5])
			return -EINVAL;
		timeout.absolute = true;
		timeout.realtime = operation & FUTEX_CLOCK_REALTIME;
		return futex_wait(address, value, (uint32_t)arguments[5], timeout);
	case FUTEX_WAKE:
	case FUTEX_WAKE_BITSET:
		if (!user_readable(address, sizeof(uint32_t)))
			return -EFAULT;
		if ((operation & FUTEX_CMD_MASK) == FUTEX_WAKE)
			return futex_wake(address, value, FUTEX_BITSET_MATCH_ANY);
		return (uint32_t)arguments[5] ? futex_wake(address, value, (uint32_t)arguments[5])
					      : -EINVAL;
	case FUTEX_REQUEUE:
	case FUTEX_CMP_REQUEUE:
		error = user_copy_in(&word, address, sizeof(word));
		if (error)
			return error;
		if (other % sizeof(uint32_t))
			return -EINVAL;
		if (!user_readable(other, sizeof(uint32_t)))
			return -EFAULT;
		if ((operation & FUTEX_CMD_MASK) == FUTEX_CMP_REQUEUE &&
		    word != (uint32_t)arguments[5])
			return -EAGAIN;
		return requeue(address, other, value, (uint32_t)arguments[3]);
	default:
		return -ENOSYS;
	}
}

/* ── robust lists (set_robust_list(2)) ───────────────────────────────────────────────────────── */

struct robust_head {
	uint64_t first;	 /* the list ends where it points back to this head */
	uint64_t offset; /* from an entry to its futex */
	uint64_t pending;
};

static void release_lock(const struct thread *thread, uint64_t address)
{
	uint32_t word;
	if (address % sizeof(word) || user_copy_in(&word, address, sizeof(word)) ||
	    (word & FUTEX_TID_MASK) != (uint32_t)thread->id)
		return;
	uint32_t waiters = word & FUTEX_WAITERS;
	word = waiters | FUTEX_OWNER_DIED;
	if (!user_copy_out(address, &word, sizeof(word)) && waiters)
		futex_wake(address, 1, FUTEX_BITSET_MATCH_ANY);
}

void futex_release_robust(struct thread *thread)
{
	const uint64_t priority_inheriting = 1; /* a flag in the pointers */
	struct robust_head head;
	if (!thread->robust_list || user_copy_in(&head, thread->robust_list, sizeof(head)))
		return;
	uint64_t entry = head.first & ~priority_inheriting;
	for (int i = 0; i < ROBUST_LIST_MAX && entry != thread->robust_list; i++) {
		uint64_t next;
		if (user_copy_in(&next, entry, sizeof(next)))
			break;
		if (entry != (head.pending & ~priority_inheriting))
			release_lock(thread, entry + head.offset);
		entry = next & ~priority_inheriting;
	}
	if (head.pending)
		release_lock(thread, (head.pending & ~priority_inheriting) + head.offset);
}
