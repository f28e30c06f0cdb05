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
	uint64_t uses;	    /* how often it was asked for */
	int failure;	    /* of loading, a negative errno; for those who waited for it */
	struct error why;   /* it failed */
	struct network_entry *next;
};

/* Loads a model; `context` is the cache's. */
typedef int network_create_function(void *context, const struct network_source *source,
				    struct network **network, struct error *error);

struct network_cache {
	network_create_function *create;
	void *context;
	pthread_mutex_t lock;
	pthread_cond_t loaded;
	struct network_entry *entries;
	size_t bytes, budget;
	uint64_t uses;
};

/* `budget`: bytes that models nobody uses may occupy together with those in use. */
void network_cache_init(struct network_cache *cache, network_create_function *create, void *context,
			size_t budget);
void network_cache_release(struct network_cache *cache);

/* The loaded model of `source`; loads it where need be, while others that want the same one wait.
 * Waiting ends at `deadline_ns` (CLOCK_MONOTONIC; 0: none) with -ETIMEDOUT. Loading goes on to its
 * end, for the others. *entry is NULL after an error. Every success is undone by
 * network_cache_put(). Thread-safe. */
int network_cache_get(struct network_cache *cache, const struct network_source *source,
		      uint64_t deadline_ns, struct network_entry **entry, struct error *error);
void network_cache_put(struct network_cache *cache, struct network_entry *entry);

/* A model that is loaded. */
struct network_listing {
	char hash[HASH_HEX_SIZE];
	size_t bytes;
	unsigned users;
	uint64_t uses;
};

/* Writes up to `room` of those that are loaded; returns how many there are. Thread-safe. */
size_t network_cache_list(struct network_cache *cache, struct network_listing *listings,
			  size_t room);

/* What the model takes, or will take, in memory, about; 0: that is not known before it is loaded.
 * Thread-safe. */
size_t network_cache_estimate(struct network_cache *cache, const struct network_source *source);

#endif
