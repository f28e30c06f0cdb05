/* How many products OpenBLAS does at once: as many as there is memory for.
 *
 * For each thread that is in a product, OpenBLAS takes a large piece of memory, which it keeps for the
 * next one. If it gets none it tries again for ever. So nobody is let in before it is certain that
 * there is some.
 */
#ifndef MAYFLY_BLAS_TURNS_H
#define MAYFLY_BLAS_TURNS_H

#include <pthread.h>
#include <stdint.h>

struct turns {
	pthread_mutex_t lock;
	pthread_cond_t left;
	unsigned busy;
	unsigned room; /* so many pieces OpenBLAS has, or would get */
};

#define TURNS_INITIALIZER                                                                          \
	{                                                                                          \
		.lock = PTHREAD_MUTEX_INITIALIZER, .left = PTHREAD_COND_INITIALIZER                \
	}

/* Waits until there is room, until `deadline_ns` (CLOCK_MONOTONIC; 0: without one). 0, -ENOMEM where
 * there is none for a single product, or -ETIMEDOUT. Ends by turns_leave(). */
int turns_enter(struct turns *turns, uint64_t deadline_ns);
void turns_leave(struct turns *turns);

#endif
