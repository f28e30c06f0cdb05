/* The memory of models that are loaded for one tenant; see model_share.h. */
#include "acceld/tenants/model_share.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "util/clock.h"
#include "util/lock.h"

#define KEPT_NS (60 * NANOSECONDS_PER_SECOND)

void model_share_init(struct model_share *share)
{
	share->count = 0;
	pthread_mutex_init(&share->lock, NULL);
}

void model_share_release(struct model_share *share)
{
	pthread_mutex_destroy(&share->lock);
}

/* With the lock held, as are the next two. */
static void forget_unused(struct model_share *share, uint64_t now_ns)
{
	for (size_t i = share->count; i-- > 0;)
		if (share->entries[i].used_ns + KEPT_NS < now_ns)
			share->entries[i] = share->entries[--share->count];
}

/* The bytes of all but `except`. */
static uint64_t add_up(const struct model_share *share, const struct model_share_entry *except)
{
	uint64_t bytes = 0;
	for (size_t i = 0; i < share->count; i++)
		if (&share->entries[i] != except)
			bytes += share->entries[i].bytes;
	return bytes;
}

static struct model_share_entry *find_entry(struct model_share *share, const char *model)
{
	for (size_t i = 0; i < share->count; i++)
		if (!strcmp(share->entries[i].name, model))
			return &share->entries[i];
	return NULL;
}

uint64_t model_share_bytes(struct model_share *share)
{
	lock_scoped(&share->lock);
	forget_unused(share, clock_now_ns());
	return add_up(share, NULL);
}

int model_share_use(struct model_share *share, const char *model, uint64_t bytes, uint64_t limit)
{
	uint64_t now_ns = clock_now_ns();
	lock_scoped(&share->lock);
	forget_unused(share, now_ns);
	struct model_share_entry *entry = find_entry(share, model);
	uint64_t others = add_up(share, entry);
	if (limit && (bytes > limit || others > limit - bytes))
		return -ENOMEM;
	if (!entry && share->count < MODEL_SHARE_MAX) {
		entry = &share->entries[share->count++];
		snprintf(entry->name, sizeof(entry->name), "%s", model);
	}
	if (entry) {
		entry->bytes = bytes;
		entry->used_ns = now_ns;
	}
	return 0;
}
