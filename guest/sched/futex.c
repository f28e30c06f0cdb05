/* Futexes: threads wait at an address until another one wakes them (futex(2)). */
#include "futex.h"

#include <errno.h>
#include <linux/futex.h>

#include "futex_lock.h"
#include "futex_wait.h"
#include "guest/lib/system_call.h"
#include "guest/machine/clock.h"
#include "guest/mm/ranges.h"
#include "guest/mm/shared.h"
#include "guest/mm/user_memory.h"
#include "thread.h"
#include "timespec.h"

/* No C library makes a longer list (the kernel's own bound). */
#define ROBUST_LIST_MAX 2048

static const char futex_channel;

/* Of those who are to have a lock when they are woken (FUTEX_WAIT_REQUEUE_PI). */
static const char requeue_channel;

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
	const uint64_t home = shared_home(to);
	int64_t done = futex_wake(from, wake, FUTEX_BITSET_MATCH_ANY);
	for (uint32_t moved = 0; moved < move && shared_home(from) != home; moved++, done++) {
		struct thread *thread = futex_first_waiter(&futex_channel, from, UINT32_MAX);
		if (!thread)
			break;
		thread->futex = to;
		thread->futex_home = home;
	}
	return done;
}

/* The word of FUTEX_WAKE_OP as `code` changes it. False: it names no operation. */
static bool change_word(uint32_t *word, uint32_t code)
{
	int32_t argument = (int32_t)(code << 8) >> 20;
	if (code >> 28 & FUTEX_OP_OPARG_SHIFT)
		argument = (int32_t)(1U << (argument & 31));
	switch (code >> 28 & ~(uint32_t)FUTEX_OP_OPARG_SHIFT) {
	case FUTEX_OP_SET:
		*word = (uint32_t)argument;
		return true;
	case FUTEX_OP_ADD:
		*word += (uint32_t)argument;
		return true;
	case FUTEX_OP_OR:
		*word |= (uint32_t)argument;
		return true;
	case FUTEX_OP_ANDN:
		*word &= ~(uint32_t)argument;
		return true;
	case FUTEX_OP_XOR:
		*word ^= (uint32_t)argument;
		return true;
	default:
		return false;
	}
}

/* Compares what the word was with what `code` says. 1, 0, or -ENOSYS: it names no comparison. */
static int compare_word(int32_t before, uint32_t code)
{
	const int32_t compared = (int32_t)(code << 20) >> 20;
	switch (code >> 24 & 15) {
	case FUTEX_OP_CMP_EQ:
		return before == compared;
	case FUTEX_OP_CMP_NE:
		return before != compared;
	case FUTEX_OP_CMP_LT:
		return before < compared;
	case FUTEX_OP_CMP_LE:
		return before <= compared;
	case FUTEX_OP_CMP_GT:
		return before > compared;
	case FUTEX_OP_CMP_GE:
		return before >= compared;
	default:
		return -ENOSYS;
	}
}

/* FUTEX_WAKE_OP: changes the word at the second address as `code` says, wakes at the first, and
 * where the word was as `code` compares, at the second, too. */
static int64_t wake_with_operation(uint64_t address, uint32_t count, uint64_t other,
				   uint32_t other_count, uint32_t code)
{
	uint32_t old;
	int error = user_writable(other, sizeof(old)) ? 0 : -EFAULT;
	if (!error)
		error = user_copy_in(&old, other, sizeof(old));
	if (error)
		return error;
	uint32_t word = old;
	if (!change_word(&word, code))
		return -ENOSYS;
	user_copy_out(other, &word, sizeof(word));
	const int wakes_other = compare_word((int32_t)old, code);
	if (wakes_other < 0)
		return wakes_other;
	int64_t woken = futex_wake(address, count, FUTEX_BITSET_MATCH_ANY);
	if (wakes_other)
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
	*deadline_ns = NO_DEADLINE;
	if (!timeout.address)
		return 0;
	int error = timespec_read(timeout.address, &duration);
	if (error)
		return error;
	if (timeout.absolute) {
		uint64_t now = clock_read_ns(timeout.realtime);
		duration = duration > now ? duration - now : 0;
	}
	*deadline_ns = clock_deadline_ns(duration);
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

/* The clock that a call names, where its command has none: what Linux finds wrong first. */
static int64_t refuse_clock(uint64_t command, struct futex_timeout timeout)
{
	uint64_t ignored;
	bool reads = command == FUTEX_WAIT || command == FUTEX_LOCK_PI;
	int error = reads ? read_deadline(timeout, &ignored) : 0;
	return error ? error : -ENOSYS;
}

static int64_t wake(const uint64_t arguments[6], uint32_t bits)
{
	if (!bits)
		return -EINVAL;
	return is_futex(arguments[0], arguments[1])
		   ? futex_wake(arguments[0], (uint32_t)arguments[2], bits)
		   : -EFAULT;
}

static int64_t check_and_requeue(const uint64_t arguments[6], uint64_t command)
{
	const uint64_t address = arguments[0], other = arguments[4];
	uint32_t word;
	if ((int32_t)arguments[2] < 0 || (int32_t)arguments[3] < 0)
		return -EINVAL;
	int error = user_copy_in(&word, address, sizeof(word));
	if (error)
		return error;
	if (other % sizeof(word))
		return -EINVAL;
	if (!is_futex(other, arguments[1]))
		return -EFAULT;
	if (command == FUTEX_CMP_REQUEUE && word != (uint32_t)arguments[5])
		return -EAGAIN;
	return requeue(address, other, (uint32_t)arguments[2], (uint32_t)arguments[3]);
}

static int64_t check_and_wake_with_operation(const uint64_t arguments[6])
{
	if (arguments[4] % sizeof(uint32_t))
		return -EINVAL;
	if (!is_futex(arguments[0], arguments[1]))
		return -EFAULT;
	return wake_with_operation(arguments[0], (uint32_t)arguments[2], arguments[4],
				   (uint32_t)arguments[3], (uint32_t)arguments[5]);
}

static int64_t lock_until(uint64_t address, struct futex_timeout timeout)
{
	uint64_t deadline_ns;
	int error = read_deadline(timeout, &deadline_ns);
	return error ? error : futex_lock(address, deadline_ns);
}

/* Waits as futex_wait() does, until the lock at `lock` is this thread's, too. */
static int64_t wait_for_lock(const uint64_t arguments[6], struct futex_timeout timeout)
{
	const uint64_t address = arguments[0], lock = arguments[4];
	struct thread *self = thread_current();
	uint32_t word;
	uint64_t deadline_ns;
	int error = read_deadline(timeout, &deadline_ns);
	if (!error && (lock == address || lock % sizeof(word)))
		error = -EINVAL;
	if (!error && !user_writable(lock, sizeof(word)))
		error = -EFAULT;
	if (!error)
		error = user_copy_in(&word, address, sizeof(word));
	if (error)
		return error;
	if (word != (uint32_t)arguments[2])
		return -EAGAIN;
	self->futex_lock = lock;
	error = futex_wait_at(&requeue_channel, address, FUTEX_BITSET_MATCH_ANY, deadline_ns);
	self->futex_lock = 0;
	if (error != -EINTR)
		return error;
	/* A call that waits for the lock already cannot be made again. */
	return self->futex == lock ? -EAGAIN : -RESTART_CALL_ALWAYS;
}

/* FUTEX_CMP_REQUEUE_PI: the one who waits longest gets the lock, if it is free; others wait for
 * it. */
static int64_t requeue_to_lock(const uint64_t arguments[6])
{
	const uint64_t address = arguments[0], lock = arguments[4];
	const int32_t most = (int32_t)arguments[3];
	uint32_t word;
	if ((int32_t)arguments[2] != 1 || most < 0 || lock == address || lock % sizeof(word))
		return -EINVAL;
	int error = user_copy_in(&word, address, sizeof(word));
	if (error)
		return error;
	if (word != (uint32_t)arguments[5])
		return -EAGAIN;
	if (futex_first_waiter(&futex_channel, address, UINT32_MAX))
		return -EINVAL;
	for (int64_t done = 0;; done++) {
		struct thread *waiter = futex_first_waiter(&requeue_channel, address, UINT32_MAX);
		if (!waiter || done > most)
			return done;
		const int64_t result =
		    waiter->futex_lock == lock ? futex_lock_for(waiter, lock) : -EINVAL;
		if (result < 0)
			return done ? done : result;
	}
}

SYSTEM_CALL(futex)
{
	const uint64_t address = arguments[0], command = arguments[1] & FUTEX_CMD_MASK;
	const uint32_t value = (uint32_t)arguments[2], bits = (uint32_t)arguments[5];
	struct futex_timeout timeout = {
	    .address = arguments[3],
	    .realtime = arguments[1] & FUTEX_CLOCK_REALTIME,
	    .absolute = command != FUTEX_WAIT,
	};
	if (timeout.realtime && command != FUTEX_WAIT_BITSET && command != FUTEX_LOCK_PI2 &&
	    command != FUTEX_WAIT_REQUEUE_PI)
		return refuse_clock(command, timeout);
	if (command > FUTEX_LOCK_PI2 || command == FUTEX_FD)
		return -ENOSYS;
	if (address % sizeof(uint32_t))
		return -EINVAL;
	switch (command) {
	case FUTEX_WAIT:
		return futex_wait(address, value, FUTEX_BITSET_MATCH_ANY, timeout);
	case FUTEX_WAIT_BITSET:
		return bits ? futex_wait(address, value, bits, timeout) : -EINVAL;
	case FUTEX_WAKE:
		return wake(arguments, FUTEX_BITSET_MATCH_ANY);
	case FUTEX_WAKE_BITSET:
		return wake(arguments, bits);
	case FUTEX_REQUEUE:
	case FUTEX_CMP_REQUEUE:
		return check_and_requeue(arguments, command);
	case FUTEX_WAKE_OP:
		return check_and_wake_with_operation(arguments);
	case FUTEX_LOCK_PI:
		timeout.realtime = true;
		return lock_until(address, timeout);
	case FUTEX_LOCK_PI2:
		return lock_until(address, timeout);
	case FUTEX_TRYLOCK_PI:
		return futex_try_lock(address);
	case FUTEX_UNLOCK_PI:
		return futex_unlock(address);
	case FUTEX_WAIT_REQUEUE_PI:
		return wait_for_lock(arguments, timeout);
	case FUTEX_CMP_REQUEUE_PI:
		return requeue_to_lock(arguments);
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
