/* Futexes beyond waiting and waking: WAKE_OP, requeueing, bit sets, absolute times, locks that the
 * kernel hands over (priority inheritance), and their owners' death. Prints what must be the same
 * on any system. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define WAITERS 4

/* linux/futex.h, which musl's compiler does not find. */
enum {
	FUTEX_CLOCK_REALTIME = 256,
	FUTEX_WAIT_PRIVATE = 128,
	FUTEX_WAKE_PRIVATE,
	FUTEX_CMP_REQUEUE_PRIVATE = 128 + 4,
	FUTEX_WAKE_OP_PRIVATE,
	FUTEX_LOCK_PI_PRIVATE,
	FUTEX_UNLOCK_PI_PRIVATE,
	FUTEX_WAIT_BITSET_PRIVATE = 128 + 9,
	FUTEX_WAIT_REQUEUE_PI_PRIVATE = 128 + 11,
	FUTEX_CMP_REQUEUE_PI_PRIVATE,
};
enum {
	FUTEX_OP_SET,
	FUTEX_OP_ADD,
	FUTEX_OP_OR,
	FUTEX_OP_ANDN,
	FUTEX_OP_XOR,
	FUTEX_OP_OPARG_SHIFT = 8,
};
enum {
	FUTEX_OP_CMP_EQ,
	FUTEX_OP_CMP_NE,
	FUTEX_OP_CMP_LT,
	FUTEX_OP_CMP_LE,
	FUTEX_OP_CMP_GT,
	FUTEX_OP_CMP_GE,
};

static uint32_t operation(uint32_t how, int argument, uint32_t comparison, int compared)
{
	return how << 28 | comparison << 24 | ((uint32_t)argument & 0xfff) << 12 |
	       ((uint32_t)compared & 0xfff);
}

static _Atomic uint32_t first, second;
static atomic_int arrived;

static long futex(_Atomic uint32_t *word, int command, uint32_t value, uintptr_t fourth,
		  _Atomic uint32_t *other, uint32_t last)
{
	long result = syscall(SYS_futex, word, command, value, fourth, other, last);
	return result < 0 ? -errno : result;
}

static void *wait_there(void *word)
{
	atomic_fetch_add(&arrived, 1);
	while (futex(word, FUTEX_WAIT_PRIVATE, 0, 0, NULL, 0) == -EINTR)
		;
	return NULL;
}

/* Starts threads that wait at `word`, and returns when they do. */
static void start_waiters(pthread_t *threads, int count, _Atomic uint32_t *word)
{
	for (int i = 0; i < count; i++)
		pthread_create(&threads[i], NULL, wait_there, word);
	while (atomic_load(&arrived) < count)
		sched_yield();
	atomic_store(&arrived, 0);
	const struct timespec moment = {.tv_nsec = 30000000};
	nanosleep(&moment, NULL);
}

static void join(pthread_t *threads, int count)
{
	for (int i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
}

static void test_wake_op(void)
{
	const struct {
		const char *name;
		uint32_t code;
	} cases[] = {
	    {"set", operation(FUTEX_OP_SET, 7, FUTEX_OP_CMP_EQ, 5)},
	    {"add", operation(FUTEX_OP_ADD, -2, FUTEX_OP_CMP_NE, 5)},
	    {"or", operation(FUTEX_OP_OR, 10, FUTEX_OP_CMP_LT, 6)},
	    {"andn", operation(FUTEX_OP_ANDN, 4, FUTEX_OP_CMP_LE, 4)},
	    {"xor", operation(FUTEX_OP_XOR, 0x7ff, FUTEX_OP_CMP_GT, -3)},
	    {"shifted", operation(FUTEX_OP_ADD | FUTEX_OP_OPARG_SHIFT, 4, FUTEX_OP_CMP_GE, 5)},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		pthread_t threads[2];
		atomic_store(&first, 0);
		atomic_store(&second, 0);
		start_waiters(&threads[0], 1, &first);
		start_waiters(&threads[1], 1, &second);
		atomic_store(&second, 5);
		long result = futex(&first, FUTEX_WAKE_OP_PRIVATE, 1, 1, &second, cases[i].code);
		printf("%s: woke %ld, %u\n", cases[i].name, result, atomic_load(&second));
		futex(&second, FUTEX_WAKE_PRIVATE, 9, 0, NULL, 0);
		join(threads, 2);
	}
	printf("unknown: %ld\n", futex(&first, FUTEX_WAKE_OP_PRIVATE, 1, 1, &second, 0x70000000));
	printf("bad address: %ld\n",
	       futex(&first, FUTEX_WAKE_OP_PRIVATE, 1, 1, (_Atomic uint32_t *)16, 0));
}

static void test_requeue(void)
{
	pthread_t threads[WAITERS];
	atomic_store(&first, 0);
	atomic_store(&second, 0);
	start_waiters(threads, WAITERS, &first);
	printf("changed: %ld\n", futex(&first, FUTEX_CMP_REQUEUE_PRIVATE, 1, 9, &second, 1));
	printf("requeued: %ld\n", futex(&first, FUTEX_CMP_REQUEUE_PRIVATE, 1, 2, &second, 0));
	printf("left: %ld\n", futex(&first, FUTEX_WAKE_PRIVATE, 9, 0, NULL, 0));
	printf("moved: %ld\n", futex(&second, FUTEX_WAKE_PRIVATE, 9, 0, NULL, 0));
	join(threads, WAITERS);
}

static void test_times(void)
{
	struct timespec until;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec -= 5;
	printf("past: %ld\n", futex(&first, FUTEX_WAIT_BITSET_PRIVATE | FUTEX_CLOCK_REALTIME, 0,
				    (uintptr_t)&until, NULL, 1));
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += 10000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}
	printf("soon: %ld\n",
	       futex(&first, FUTEX_WAIT_BITSET_PRIVATE, 0, (uintptr_t)&until, NULL, 1));
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	printf("not before: %d\n", now.tv_sec > until.tv_sec || (now.tv_sec == until.tv_sec &&
								 now.tv_nsec >= until.tv_nsec));
	printf("no bits: %ld\n", futex(&first, FUTEX_WAIT_BITSET_PRIVATE, 0, 0, NULL, 0));
	printf("no such clock: %ld\n",
	       futex(&first, FUTEX_WAKE_PRIVATE | FUTEX_CLOCK_REALTIME, 1, 0, NULL, 0));
}

/* ── locks ───────────────────────────────────────────────────────────────────────────────────── */

static pthread_mutex_t lock;
static long total;

static void make_lock(int robust)
{
	pthread_mutexattr_t attributes;
	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_INHERIT);
	pthread_mutexattr_setrobust(&attributes,
				    robust ? PTHREAD_MUTEX_ROBUST : PTHREAD_MUTEX_STALLED);
	printf("lock: %d\n", pthread_mutex_init(&lock, &attributes));
}

static void *add(void *argument)
{
	for (int i = 0; i < 300; i++) {
		pthread_mutex_lock(&lock);
		long before = total;
		if (i % 16 == 0)
			sched_yield();
		total = before + 1;
		pthread_mutex_unlock(&lock);
	}
	return argument;
}

static void *die(void *argument)
{
	pthread_mutex_lock(&lock);
	atomic_store(&first, 1);
	const struct timespec moment = {.tv_nsec = 30000000};
	nanosleep(&moment, NULL); /* others wait by now */
	return argument;
}

static void *hold(void *argument)
{
	const struct timespec moment = {.tv_nsec = 30000000};
	pthread_mutex_lock(&lock);
	atomic_store(&first, 1);
	while (atomic_load(&first) == 1)
		nanosleep(&moment, NULL);
	pthread_mutex_unlock(&lock);
	return argument;
}

static void await(uint32_t value)
{
	while (atomic_load(&first) != value)
		sched_yield();
}

static void test_locks(void)
{
	pthread_t threads[WAITERS];
	make_lock(0);
	for (int i = 0; i < WAITERS; i++)
		pthread_create(&threads[i], NULL, add, NULL);
	join(threads, WAITERS);
	printf("total %ld\n", total);

	atomic_store(&first, 0);
	pthread_create(&threads[0], NULL, hold, NULL);
	await(1);
	struct timespec until;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += 5000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}
	printf("try: %s\n", strerror(pthread_mutex_trylock(&lock)));
	printf("timed: %s\n", strerror(pthread_mutex_timedlock(&lock, &until)));
	atomic_store(&first, 2);
	join(threads, 1);
	printf("afterwards: %d\n", pthread_mutex_lock(&lock));
	pthread_mutex_unlock(&lock);
	pthread_mutex_destroy(&lock);

	make_lock(1);
	atomic_store(&first, 0);
	pthread_create(&threads[0], NULL, die, NULL);
	await(1);
	int result = pthread_mutex_lock(&lock);
	printf("its owner died: %s\n", strerror(result));
	printf("consistent: %d\n", pthread_mutex_consistent(&lock));
	printf("unlock: %d\n", pthread_mutex_unlock(&lock));
	join(threads, 1);
}

static void test_raw_locks(void)
{
	uint32_t self = (uint32_t)syscall(SYS_gettid);
	atomic_store(&first, 0);
	printf("taken: %ld", futex(&first, FUTEX_LOCK_PI_PRIVATE, 0, 0, NULL, 0));
	printf(" %d\n", atomic_load(&first) == self);
	printf("again: %ld\n", futex(&first, FUTEX_LOCK_PI_PRIVATE, 0, 0, NULL, 0));
	printf("unlocked: %ld", futex(&first, FUTEX_UNLOCK_PI_PRIVATE, 0, 0, NULL, 0));
	printf(" %u\n", atomic_load(&first));
	printf("not ours: %ld\n", futex(&first, FUTEX_UNLOCK_PI_PRIVATE, 0, 0, NULL, 0));
	atomic_store(&first, 0x3ffffff0);
	printf("nobody's: %ld\n", futex(&first, FUTEX_LOCK_PI_PRIVATE, 0, 0, NULL, 0));
	printf("bad address: %ld\n",
	       futex((_Atomic uint32_t *)16, FUTEX_LOCK_PI_PRIVATE, 0, 0, NULL, 0));
}

/* Waiters that are to have a lock each, one after the other, when they are woken. */
static void *wait_for_lock(void *unused)
{
	long result = futex(&first, FUTEX_WAIT_REQUEUE_PI_PRIVATE, 7, 0, &second, 0);
	uint32_t owner = atomic_load(&second) & 0x3fffffff;
	if (result || owner != (uint32_t)syscall(SYS_gettid))
		printf("waited: %ld, %s\n", result, owner ? "another's lock" : "nobody's lock");
	total++;
	futex(&second, FUTEX_UNLOCK_PI_PRIVATE, 0, 0, NULL, 0);
	return NULL;
}

static void test_requeue_to_lock(void)
{
	pthread_t threads[WAITERS];
	struct timespec past = {1, 0};
	long moved = 0;
	total = 0;
	atomic_store(&first, 7);
	atomic_store(&second, 0);
	printf("another value: %ld\n",
	       futex(&first, FUTEX_WAIT_REQUEUE_PI_PRIVATE, 8, 0, &second, 0));
	printf("the same word: %ld\n",
	       futex(&first, FUTEX_WAIT_REQUEUE_PI_PRIVATE, 7, 0, &first, 0));
	printf("in the past: %ld\n",
	       futex(&first, FUTEX_WAIT_REQUEUE_PI_PRIVATE, 7, (uintptr_t)&past, &second, 0));
	printf("nobody waits: %ld\n",
	       futex(&first, FUTEX_CMP_REQUEUE_PI_PRIVATE, 1, 9, &second, 7));
	printf("another value: %ld\n",
	       futex(&first, FUTEX_CMP_REQUEUE_PI_PRIVATE, 1, 9, &second, 8));
	printf("wakes two: %ld\n", futex(&first, FUTEX_CMP_REQUEUE_PI_PRIVATE, 2, 9, &second, 7));
	printf("the same word: %ld\n",
	       futex(&first, FUTEX_CMP_REQUEUE_PI_PRIVATE, 1, 9, &first, 7));
	for (int i = 0; i < WAITERS; i++)
		pthread_create(&threads[i], NULL, wait_for_lock, NULL);
	while (moved < WAITERS) {
		long result = futex(&first, FUTEX_CMP_REQUEUE_PI_PRIVATE, 1, WAITERS, &second, 7);
		if (result < 0) {
			printf("requeue: %ld\n", result);
			break;
		}
		moved += result;
		usleep(1000);
	}
	join(threads, WAITERS);
	printf("requeued %ld, had the lock %ld, lock %x\n", moved, total, atomic_load(&second));
}

int main(void)
{
	test_wake_op();
	test_requeue();
	test_times();
	test_locks();
	test_raw_locks();
	test_requeue_to_lock();
	return 0;
}
