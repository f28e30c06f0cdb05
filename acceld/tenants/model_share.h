/* The memory of models that are loaded for one tenant. A model that several tenants use is loaded
 * once, and counts for each of them in full: none can have others pay for it. A model counts from
 * its first op until none has used it for a minute. Thread-safe. */
#ifndef MAYFLY_ACCELD_MODEL_SHARE_H
#define MAYFLY_ACCELD_MODEL_SHARE_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include "accel/state/op_host.h"

/* Of one tenant at once. What is used beyond that counts, but is not remembered. */
#define MODEL_SHARE_MAX 64

struct model_share_entry {
	char name[MAYFLY_MODEL_NAME_SIZE];
	uint64_t bytes, used_ns; /* CLOCK_MONOTONIC */
};

struct model_share {
	pthread_mutex_t lock;
	size_t count;
	struct model_share_entry entries[MODEL_SHARE_MAX];
};

void model_share_init(struct model_share *share);
void model_share_release(struct model_share *share);

/* The bytes that count now. */
uint64_t model_share_bytes(struct model_share *share);

/* An op is about to use the model. -ENOMEM, and nothing has changed, where all that count would take
 * more than `limit` bytes then (0: no limit). */
int model_share_use(struct model_share *share, const char *model, uint64_t bytes, uint64_t limit);

#endif
