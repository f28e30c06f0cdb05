/* A mutex held to the end of the scope.
 *
 *     lock_scoped(&table->lock);
 *
 * The same, but no longer waited for than until then; NULL: somebody else still has it.
 *
 *     lock_until_scoped(held, &table->lock, deadline_ns);
 */
#ifndef MAYFLY_UTIL_LOCK_H
#define MAYFLY_UTIL_LOCK_H

#include <pthread.h>
#include <stdint.h>
#include <time.h>

#include "util/clock.h"

static inline void lock_release_function(pthread_mutex_t **mutex)
{
	if (*mutex)
		pthread_mutex_unlock(*mutex);
}

static inline pthread_mutex_t *lock_take(pthread_mutex_t *mutex)
{
	pthread_mutex_lock(mutex);
	return mutex;
}

static inline pthread_mutex_t *lock_take_until(pthread_mutex_t *mutex, uint64_t deadline_ns)
{
#ifdef __SANITIZE_THREAD__
	/* GCC 12's ThreadSanitizer does not know pthread_mutex_clocklock(3). */
	while (pthread_mutex_trylock(mutex)) {
		if (clock_now_ns() >= deadline_ns)
			return NULL;
		nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
	}
	return mutex;
#else
	const struct timespec deadline = clock_timespec(deadline_ns);
	return pthread_mutex_clocklock(mutex, CLOCK_MONOTONIC, &deadline) ? NULL : mutex;
#endif
}

#define LOCK_NAME(line)	 LOCK_NAME_(line)
#define LOCK_NAME_(line) scoped_lock_##line

#define lock_scoped(mutex)                                                                         \
	__attribute__((__cleanup__(lock_release_function), unused)) pthread_mutex_t *LOCK_NAME(    \
	    __LINE__) = lock_take(mutex)

#define lock_until_scoped(name, mutex, deadline_ns)                                                \
	__attribute__((__cleanup__(lock_release_function))) pthread_mutex_t *name =                \
	    lock_take_until(mutex, deadline_ns)

#endif
