/* What whoever serves ops for others does around each op, beside its deadline and its reason
 * (mayfly/results.h): stop it, say which models it may use, and ask where its time went. The
 * plugins' side is in mayfly/plugin.h. Only in the host's build.
 */
#ifndef MAYFLY_ACCEL_STATE_OP_HOST_H
#define MAYFLY_ACCEL_STATE_OP_HOST_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define MAYFLY_SERVES_OPS
#include "mayfly/plugin.h"
#include "vaccel/export.h"

/* An op that may be stopped by another thread. */
struct mayfly_op_stop {
	pthread_mutex_t lock;
	bool stopped;
	void (*stop)(void *context); /* NULL: nothing is to be called */
	void *context;
};

#define MAYFLY_OP_STOP_INITIALIZER                                                                 \
	{                                                                                          \
		.lock = PTHREAD_MUTEX_INITIALIZER                                                  \
	}

/* From now on ops on this thread are stopped by mayfly_op_stop(stop); NULL: by nobody. */
VACCEL_API void mayfly_op_set_stop(struct mayfly_op_stop *stop);

/* Stops the op, which calls what it has asked for, with the lock held. From any thread. */
VACCEL_API void mayfly_op_stop(struct mayfly_op_stop *stop);

/* How long an op spent in each phase, and the model that it named last; "" where it named none. */
struct mayfly_op_times {
	uint64_t ns[MAYFLY_PHASES];
	char model[MAYFLY_MODEL_NAME_SIZE];
};

/* Asked for each model that a plugin is about to use: 0, or a VACCEL_E… code with the reason set.
 * `bytes` is about what the model takes in memory; 0: unknown. */
typedef int mayfly_model_guard(void *context, const char *model, uint64_t bytes);

/* An op of this thread begins, in `phase`; `guard` may be NULL. */
VACCEL_API void mayfly_op_begin(enum mayfly_phase phase, mayfly_model_guard *guard, void *context);

/* The model of this thread's op, where no plugin of this process names one. */
VACCEL_API void mayfly_op_name_model(const char *model);

/* It is over. Where its plugin named no phase, all that it took beyond the queue is compute. */
VACCEL_API void mayfly_op_end(struct mayfly_op_times *times);

#endif
