#include "worker/call_table.h"

#include "util/lock.h"

void call_table_open(struct call_table *table)
{
	pthread_mutex_init(&table->lock, NULL);
}

void call_table_close(struct call_table *table)
{
	pthread_mutex_destroy(&table->lock);
}

void call_table_add(struct call_table *table, struct call_entry *entry)
{
	entry->references++;
	lock_scoped(&table->lock);
	entry->id = ++table->last_id;
	struct call_entry **bucket = &table->buckets[entry->id % CALL_BUCKETS];
	entry->next = *bucket;
	*bucket = entry;
}

struct call_entry *call_table_find(struct call_table *table, uint64_t id)
{
	lock_scoped(&table->lock);
	struct call_entry *entry = table->buckets[id % CALL_BUCKETS];
	while (entry && entry->id != id)
		entry = entry->next;
	if (entry)
		entry->references++;
	return entry;
}

bool call_table_remove(struct call_table *table, struct call_entry *entry)
{
	lock_scoped(&table->lock);
	struct call_entry **link = &table->buckets[entry->id % CALL_BUCKETS];
	while (*link && *link != entry)
		link = &(*link)->next;
	if (!*link)
		return false;
	*link = entry->next;
	return true;
}

struct call_entry *call_table_remove_any(struct call_table *table)
{
	lock_scoped(&table->lock);
	for (unsigned i = 0; i < CALL_BUCKETS; i++) {
		struct call_entry *entry = table->buckets[i];
		if (!entry)
			continue;
		table->buckets[i] = entry->next;
		return entry;
	}
	return NULL;
}
