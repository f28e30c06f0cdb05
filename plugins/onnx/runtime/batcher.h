/* What a network has for requests that are run together (batch.h). */
#ifndef MAYFLY_ONNX_BATCHER_H
#define MAYFLY_ONNX_BATCHER_H

#include <pthread.h>
#include <stdint.h>

struct batch;

#define BATCH_MAX 64

struct batch_limits {
	unsigned max;	   /* rows at once, up to BATCH_MAX; 0 and 1: none */
	uint64_t delay_ns; /* how long the first one waits for others */
};

/* All zero is an empty one. */
struct batcher {
	pthread_mutex_t lock;
	struct batch *open;	/* takes more; NULL: none does */
	uint64_t batches, rows; /* that were run together */
};

#endif
