/* The cache of loaded models; see network_cache.h. */
#include "network_cache.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "util/clock.h"
#include "util/lock.h"
#include "vaccel/log.h"

void network_cache_init(struct network_cache *cache, network_create_function *create, void *context,
			size_t budget)
{
	*cache = (struct network_cache){.create = create,
					.context = context,
					.lock = PTHREAD_MUTEX_INITIALIZER,
					.loaded = PTHREAD_COND_INITIALIZER,
					.budget = budget};
}

static void entry_free(struct network_entry *entry)
{
	if (entry->network)
		network_destroy(entry->network);
	free(entry);
}

void network_cache_release(struct network_cache *cache)
{
	while (cache->entries) {
		struct network_entry *entry = cache->entries;
		cache->entries = entry->next;
		entry_free(entry);
	}
	pthread_cond_destroy(&cache->loaded);
	pthread_mutex_destroy(&cache->lock);
}

static struct network_entry *find(const struct network_cache *cache, const char *hash)
{
	struct network_entry *entry = cache->entries;
	while (entry && strcmp(entry->hash, hash) != 0)
		entry = entry->next;
	return entry;
}

static void unlink_entry(struct network_cache *cache, struct network_entry *entry)
{
	struct network_entry **place = &cache->entries;
	while (*place != entry)
		place = &(*place)->next;
	*place = entry->next;
	cache->bytes -= entry->bytes;
}

/* Takes out models that nobody uses, the longest unused first, until the budget is kept; returns
 * them as a list, to be freed without the lock. */
static struct network_entry *evict(struct network_cache *cache)
{
	struct network_entry *evicted = NULL;
	while (cache->bytes > cache->budget) {
		struct network_entry *oldest = NULL;
		for (struct network_entry *entry = cache->entries; entry; entry = entry->next)
			if (!entry->users && (!oldest || entry->last_used < oldest->last_used))
				oldest = entry;
		if (!oldest)
			break;
		unlink_entry(cache, oldest);
		vaccel_debug("onnx: model %.12s leaves the memory budget", oldest->hash);
		oldest->next = evicted;
		evicted = oldest;
	}
	return evicted;
}

static void free_list(struct network_entry *list)
{
	while (list) {
		struct network_entry *next = list->next;
		entry_free(list);
		list = next;
	}
}

static int late(struct error *error)
{
	return error_set(error, ETIMEDOUT, "the deadline passed while the model was loaded");
}

/* With the lock held: waits until `entry` is loaded. */
static int wait_for(struct network_cache *cache, struct network_entry *entry, uint64_t deadline_ns,
		    struct error *error)
{
	const struct timespec until = clock_timespec(deadline_ns);
	int waited = 0;
	while (!entry->network && !entry->failure && waited != ETIMEDOUT)
		waited = deadline_ns ? pthread_cond_clockwait(&cache->loaded, &cache->lock,
							      CLOCK_MONOTONIC, &until)
				     : pthread_cond_wait(&cache->loaded, &cache->lock);
	if (entry->network)
		return 0;
	int failure = entry->failure;
	int result = failure ? error_set(error, -failure, "%s", entry->why.text) : late(error);
	/* The last one that waited for an entry that failed frees it. */
	if (!--entry->users && failure)
		entry_free(entry);
	return result;
}

int network_cache_get(struct network_cache *cache, const struct network_source *source,
		      uint64_t deadline_ns, struct network_entry **out, struct error *error)
{
	*out = NULL;
	pthread_mutex_lock(&cache->lock);
	struct network_entry *entry = find(cache, source->hash);
	if (entry) {
		entry->users++;
		entry->uses++;
		entry->last_used = ++cache->uses;
		int result = wait_for(cache, entry, deadline_ns, error);
		pthread_mutex_unlock(&cache->lock);
		if (!result)
			*out = entry;
		return result;
	}
	if (deadline_ns && clock_now_ns() >= deadline_ns) {
		pthread_mutex_unlock(&cache->lock);
		return late(error);
	}
	entry = calloc(1, sizeof(*entry));
	if (!entry) {
		pthread_mutex_unlock(&cache->lock);
		return error_set(error, ENOMEM, "no memory for a model");
	}
	memcpy(entry->hash, source->hash, sizeof(entry->hash));
	entry->users = entry->uses = 1;
	entry->last_used = ++cache->uses;
	entry->next = cache->entries;
	cache->entries = entry;
	pthread_mutex_unlock(&cache->lock);

	struct network *network;
	int result = cache->create(cache->context, source, &network, error);

	pthread_mutex_lock(&cache->lock);
	struct network_entry *evicted = NULL;
	if (result) {
		unlink_entry(cache, entry);
		entry->failure = result;
		if (error)
			entry->why = *error;
		if (!--entry->users)
			evicted = entry;
		entry->next = NULL;
	} else {
		entry->network = network;
		entry->bytes = network_memory(network->bytes);
		cache->bytes += entry->bytes;
		evicted = evict(cache);
	}
	pthread_cond_broadcast(&cache->loaded);
	pthread_mutex_unlock(&cache->lock);
	free_list(evicted);
	if (!result)
		*out = entry;
	return result;
}

void network_cache_put(struct network_cache *cache, struct network_entry *entry)
{
	pthread_mutex_lock(&cache->lock);
	entry->users--;
	struct network_entry *evicted = evict(cache);
	pthread_mutex_unlock(&cache->lock);
	free_list(evicted);
}

size_t network_cache_list(struct network_cache *cache, struct network_listing *listings,
			  size_t room)
{
	size_t count = 0;
	lock_scoped(&cache->lock);
	for (const struct network_entry *entry = cache->entries; entry; entry = entry->next) {
		if (!entry->network)
			continue;
		if (count < room) {
			struct network_listing *listing = &listings[count];
			memcpy(listing->hash, entry->hash, sizeof(listing->hash));
			listing->bytes = entry->bytes;
			listing->users = entry->users;
			listing->uses = entry->uses;
		}
		count++;
	}
	return count;
}

size_t network_cache_estimate(struct network_cache *cache, const struct network_source *source)
{
	struct stat status;
	{
		lock_scoped(&cache->lock);
		const struct network_entry *entry = find(cache, source->hash);
		if (entry && entry->network)
			return entry->bytes;
	}
	if (source->path && source->format != NETWORK_SAVED_MODEL)
		return stat(source->path, &status) ? 0 : network_memory((size_t)status.st_size);
	return network_memory(source->size);
}
