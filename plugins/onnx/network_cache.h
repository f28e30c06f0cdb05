/* Loaded models, shared by everything that uses the same bytes, kept under a memory budget. */
#ifndef MAYFLY_ONNX_NETWORK_CACHE_H
#define MAYFLY_ONNX_NETWORK_CACHE_H

#include <pthread.h>

#include "network.h"

struct network_entry {
	char hash[HASH_HEX_SIZE];
	struct network *network; /* NULL while it is loaded */
	size_t bytes;		 /* of memory, estimated */
	unsigned users;
	uint64_t last_used; /* counts uses */
	int failure;	    /* of loading, a negative errno; for those who waited for it */
	struct network_entry *next;
};

struct network_cache {
	struct engine *engine;
	pthread_mutex_t lock;
	pthread_cond_t loaded;
	struct network_entry *entries;
	size_t bytes, budget;
	uint64_t uses;
};

/* `budget`: bytes that models nobody uses may occupy together with those in use. */
void network_cache_init(struct network_cache *cache, struct engine *engine, size_t budget);
void network_cache_release(struct network_cache *cache);

/* The loaded model of `source`; loads it where need be, while others that want the same one wait.
 * Who waits gives up at `deadline_ns` (CLOCK_MONOTONIC; 0: none): -ETIMEDOUT. Who loads goes on to
 * the end, for the others. *entry is NULL after an error. Every success is undone by
 * network_cache_put(). Thread-safe. */
int network_cache_get(struct network_cache *cache, const struct network_source *source,
		      uint64_t deadline_ns, struct network_entry **entry, struct error *error);
void network_cache_put(struct network_cache *cache, struct network_entry *entry);

#endif
