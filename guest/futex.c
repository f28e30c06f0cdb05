/* Futexes: threads wait at an address until another one wakes them (futex(2)). */
#include <errno.h>
#include <linux/futex.h>

#include "calls.h"
#include "libos.h"
#include "thread.h"

/* A list of this length is none that a C library made (the kernel's own bound). */
#define ROBUST_LIST_MAX 2048

static const char futex_channel;

struct thread *futex_first_waiter(const void *channel, uint64_t address, uint32_t bits)
{
	struct thread *self = thread_current(), *first = NULL;
	for (struct thread *thread = self->next; thread != self; thread = thread->next)
		if (thread->state == THREAD_WAITING && thread->channel == channel &&
		    thread->futex == address && thread->futex_bits & bits &&
		    (!first || thread->futex_turn < first->futex_turn))
			first = thread;
	return first;
}

int futex_wait_at(const void *channel, uint64_t address, uint32_t bits, uint64_t deadline_ns)
{
	static uint64_t turns;
	struct thread *self = thread_current();
	self->futex = address;
	self->futex_bits = bits;
	self->futex_turn = ++turns;
	return thread_wait(channel, deadline_ns, "a futex");
}

int64_t futex_wake(uint64_t address, uint32_t count, uint32_t bits)
{
	int64_t woken = 0;
	if (thread_count() == 1)
		return 0;
	for (struct thread *thread; woken < count; woken++) {
		thread = futex_first_waiter(&futex_channel, address, bits);
		if (!thread)
			break;
		thread_resume(thread, 0);
	}
	return woken;
}

static int64_t requeue(uint64_t from, uint64_t to, uint32_t wake, uint32_t move)
{
	int64_t done = futex_wake(from, wake, FUTEX_BITSET_MATCH_ANY);
	for (uint32_t moved = 0; moved < move && from != to; moved++, done++) {
		struct thread *thread = futex_first_waiter(&futex_channel, from, UINT32_MAX);
		if (!thread)
			break;
		thread->futex = to;
	}
	return done;
}

/* FUTEX_WAKE_OP: changes the word at the second address as `code` says, wakes at the first, and
 * where the word was as `code` compares, at the second, too. */
static int64_t wake_with_operation(uint64_t address, uint32_t count, uint64_t other,
				   uint32_t other_count, uint32_t code)
{
	uint32_t old, word;
	int32_t argument = (int32_t)(code << 8) >> 20, compared = (int32_t)(code << 20) >> 20;
	int error = user_writable(other, sizeof(old)) ? 0 : -EFAULT;
	if (!error)
		error = user_copy_in(&old, other, sizeof(old));
	if (error)
		return error;
	if (code >> 28 & FUTEX_OP_OPARG_SHIFT)
		argument = (int32_t)(1U << (argument & 31));
	switch (code >> 28 & ~(uint32_t)FUTEX_OP_OPARG_SHIFT) {
	case FUTEX_OP_SET:
		word = (uint32_t)argument;
		break;
	case FUTEX_OP_ADD:
		word = old + (uint32_t)argument;
		break;
	case FUTEX_OP_OR:
		word = old | (uint32_t)argument;
		break;
	case FUTEX_OP_ANDN:
		word = old & ~(uint32_t)argument;
		break;
	case FUTEX_OP_XOR:
		word = old ^ (uint32_t)argument;
		break;
	default:
		return -ENOSYS;
	}
	const int32_t before = (int32_t)old;
	const bool results[] = {
	    [FUTEX_OP_CMP_EQ] = before == compared,
	    [FUTEX_OP_CMP_NE] = before != compared,
	    [FUTEX_OP_CMP_LT] =
		before<compared, [FUTEX_OP_CMP_LE] = before <= compared, [FUTEX_OP_CMP_GT] = before>
		    compared,
	    [FUTEX_OP_CMP_GE] = before >= compared,
	};
	uint32_t comparison = code >> 24 & 15;
	user_copy_out(other, &word, sizeof(word));
	if (comparison >= sizeof(results))
		return -ENOSYS;
	int64_t woken = futex_wake(address, count, FUTEX_BITSET_MATCH_ANY);
	if (results[comparison])
		woken += futex_wake(other, other_count, FUTEX_BITSET_MATCH_ANY);
	return woken;
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
	error = futex_wait_at(&futex_channel, address, bits, deadline_ns);
	return error == -EINTR && !timeout.address ? -RESTART_CALL : error;
}

/* A private futex whose value is not asked for may be gone already: whoever releases a lock wakes
 * others when it is free, and one of those may have unmapped it. */
static bool is_futex(uint64_t address, uint64_t operation)
{
	if (operation & FUTEX_PRIVATE_FLAG)
		return address < GUEST_USER_END;
	return user_readable(address, sizeof(uint32_t));
}

int64_t call_futex(const uint64_t arguments[6])
{
	uint64_t address = arguments[0], operation = arguments[1], other = arguments[4];
	uint32_t value = (uint32_t)arguments[2], word;
	uint64_t command = operation & FUTEX_CMD_MASK;
	struct futex_timeout timeout = {.address = arguments[3],
					.realtime = operation & FUTEX_CLOCK_REALTIME};
	int error;
	if (address % sizeof(uint32_t))
		return -EINVAL;
	if (timeout.realtime && command != FUTEX_WAIT_BITSET && command != FUTEX_LOCK_PI2)
		return -ENOSYS;
	switch (command) {
	case FUTEX_WAIT:
		return futex_wait(address, value, FUTEX_BITSET_MATCH_ANY, timeout);
	case FUTEX_WAIT_BITSET:
		if (!(uint32_t)arguments[5])
			return -EINVAL;
		timeout.absolute = true;
		return futex_wait(address, value, (uint32_t)arguments[5], timeout);
	case FUTEX_WAKE:
	case FUTEX_WAKE_BITSET:
		if (!is_futex(address, operation))
			return -EFAULT;
		if (command == FUTEX_WAKE)
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
		if (!is_futex(other, operation))
			return -EFAULT;
		if ((int32_t)value < 0 || (int32_t)arguments[3] < 0)
			return -EINVAL;
		if (command == FUTEX_CMP_REQUEUE && word != (uint32_t)arguments[5])
			return -EAGAIN;
		return requeue(address, other, value, (uint32_t)arguments[3]);
	case FUTEX_WAKE_OP:
		if (other % sizeof(uint32_t))
			return -EINVAL;
		return wake_with_operation(address, value, other, (uint32_t)arguments[3],
					   (uint32_t)arguments[5]);
	case FUTEX_LOCK_PI:
	case FUTEX_LOCK_PI2:
		timeout.absolute = true;
		timeout.realtime |= command == FUTEX_LOCK_PI;
		uint64_t deadline_ns;
		error = read_deadline(timeout, &deadline_ns);
		return error ? error : futex_lock(address, deadline_ns);
	case FUTEX_TRYLOCK_PI:
		return futex_try_lock(address);
	case FUTEX_UNLOCK_PI:
		return futex_unlock(address);
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

#define ROBUST_INHERITING 1UL /* a flag in the pointers: a priority-inheriting lock */

static void release_lock(const struct thread *thread, uint64_t entry, uint64_t offset)
{
	uint32_t word;
	uint64_t address = (entry & ~ROBUST_INHERITING) + offset;
	if (address % sizeof(word) || user_copy_in(&word, address, sizeof(word)) ||
	    (word & FUTEX_TID_MASK) != (uint32_t)thread->id)
		return;
	if (entry & ROBUST_INHERITING && futex_hand_over(address, FUTEX_OWNER_DIED))
		return;
	uint32_t waiters = word & FUTEX_WAITERS;
	word = waiters | FUTEX_OWNER_DIED;
	if (!user_copy_out(address, &word, sizeof(word)) && waiters)
		futex_wake(address, 1, FUTEX_BITSET_MATCH_ANY);
}

void futex_release_robust(struct thread *thread)
{
	struct robust_head head;
	if (!thread->robust_list || user_copy_in(&head, thread->robust_list, sizeof(head)))
		return;
	uint64_t entry = head.first;
	for (int i = 0; i < ROBUST_LIST_MAX; i++) {
		uint64_t next, address = entry & ~ROBUST_INHERITING;
		if (address == thread->robust_list || user_copy_in(&next, address, sizeof(next)))
			break;
		if (address != (head.pending & ~ROBUST_INHERITING))
			release_lock(thread, entry, head.offset);
		entry = next;
	}
	if (head.pending)
		release_lock(thread, head.pending, head.offset);
}
