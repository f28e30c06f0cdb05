/* A mutex held to the end of the scope.
 *
 *     lock_scoped(&table->lock);
 */
#ifndef MAYFLY_UTIL_LOCK_H
#define MAYFLY_UTIL_LOCK_H

#include <pthread.h>

static inline void lock_release_function(pthread_mutex_t **mutex)
{
	pthread_mutex_unlock(*mutex);
}

static inline pthread_mutex_t *lock_take(pthread_mutex_t *mutex)
{
	pthread_mutex_lock(mutex);
	return mutex;
}

#define LOCK_NAME(line)	 LOCK_NAME_(line)
#define LOCK_NAME_(line) scoped_lock_##line

#define lock_scoped(mutex)                                                                         \
	__attribute__((__cleanup__(lock_release_function), unused)) pthread_mutex_t *LOCK_NAME(    \
	    __LINE__) = lock_take(mutex)

#endif
