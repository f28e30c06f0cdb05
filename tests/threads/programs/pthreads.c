/* Threads as C libraries make them: mutex, condition, barrier, thread-local storage, detached and
 * joined threads, robust mutexes, timed waits. Prints what must be the same on any system. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define THREADS 8
#define ROUNDS	2000

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static pthread_barrier_t barrier;
static long total, turn;
static _Thread_local long own = 7;
static atomic_int stop;

static void *add(void *argument)
{
	long number = (long)(intptr_t)argument;
	for (int i = 0; i < ROUNDS; i++) {
		pthread_mutex_lock(&lock);
		total += number;
		own++;
		pthread_mutex_unlock(&lock);
		if (i % 64 == 0)
			sched_yield();
	}
	pthread_barrier_wait(&barrier);
	return (void *)(intptr_t)own;
}

static void *take_turns(void *argument)
{
	long number = (long)(intptr_t)argument;
	pthread_mutex_lock(&lock);
	for (int i = 0; i < 20; i++) {
		while (turn % THREADS != number)
			pthread_cond_wait(&changed, &lock);
		turn++;
		pthread_cond_broadcast(&changed);
	}
	pthread_mutex_unlock(&lock);
	return NULL;
}

static void *spin(void *argument)
{
	(void)argument;
	unsigned long turns = 0;
	while (!atomic_load(&stop))
		turns++;
	return turns ? argument : NULL;
}

/* Floating point in the midst of being interrupted: the sum must come out to the bit. */
static void *compute(void *argument)
{
	double sum = 0, scale = 1.0 / (double)((intptr_t)argument + 1);
	for (int i = 1; i < 3000000; i++)
		sum += scale / i;
	double *result = malloc(sizeof(*result));
	*result = sum;
	return result;
}

static void *die_with_lock(void *mutex)
{
	pthread_mutex_lock(mutex);
	return NULL;
}

static void test_robust(void)
{
	pthread_mutexattr_t attributes;
	pthread_mutex_t robust;
	pthread_t thread;
	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&robust, &attributes);
	pthread_create(&thread, NULL, die_with_lock, &robust);
	pthread_join(thread, NULL);
	int result = pthread_mutex_lock(&robust);
	printf("robust: %s\n", result == EOWNERDEAD ? "owner died" : "wrong");
	pthread_mutex_consistent(&robust);
	printf("unlock: %d\n", pthread_mutex_unlock(&robust));
}

static void test_timed_wait(void)
{
	struct timespec until;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += 20000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}
	pthread_mutex_lock(&lock);
	int result;
	do {
		result = pthread_cond_timedwait(&changed, &lock, &until);
	} while (!result);
	pthread_mutex_unlock(&lock);
	printf("timed wait: %s\n", result == ETIMEDOUT ? "timed out" : "wrong");
}

static void test_pipe(void)
{
	int ends[2];
	pthread_t thread;
	char text[16] = "";
	if (pipe(ends))
		return;
	pthread_create(&thread, NULL, spin, NULL);
	struct timespec moment = {.tv_nsec = 5000000};
	nanosleep(&moment, NULL);
	if (write(ends[1], "through", 7) != 7 || read(ends[0], text, sizeof(text)) != 7)
		printf("pipe failed\n");
	atomic_store(&stop, 1);
	pthread_join(thread, NULL);
	printf("a spinning thread starves nobody: %s\n", text);
}

static void *read_line(void *end)
{
	char *text = calloc(1, 32);
	ssize_t got = read(*(int *)end, text, 31);
	return got > 0 ? text : NULL;
}

static void test_blocking_read(void)
{
	int ends[2];
	pthread_t thread;
	void *text = NULL;
	if (pipe(ends))
		return;
	pthread_create(&thread, NULL, read_line, &ends[0]);
	sched_yield();
	if (write(ends[1], "late", 4) != 4)
		printf("write failed\n");
	pthread_join(thread, &text);
	printf("blocking read: %s\n", text ? (char *)text : "nothing");
	free(text);
}

int main(void)
{
	pthread_t threads[THREADS];
	pthread_barrier_init(&barrier, NULL, THREADS);
	for (long i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, add, (void *)(intptr_t)i))
			return 1;
	for (int i = 0; i < THREADS; i++) {
		void *result;
		pthread_join(threads[i], &result);
		printf("thread %d: %ld\n", i, (long)(intptr_t)result);
	}
	printf("total %ld, own %ld\n", total, own);
	for (long i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, take_turns, (void *)(intptr_t)i);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	printf("turns %ld\n", turn);
	for (long i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, compute, (void *)(intptr_t)i);
	for (int i = 0; i < THREADS; i++) {
		void *result;
		pthread_join(threads[i], &result);
		printf("computed %.17g\n", *(double *)result);
		free(result);
	}
	test_robust();
	test_timed_wait();
	test_pipe();
	test_blocking_read();
	return 3;
}
