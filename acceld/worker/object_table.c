/* The objects that one connection holds, by number; see object_table.h. */
#include "acceld/worker/object_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int object_table_init(struct object_table *table, size_t limit, void (*destroy)(void *, void *),
		      void *context)
{
	*table = (struct object_table){.limit = limit, .destroy = destroy, .context = context};
	table->entries = calloc(limit, sizeof(*table->entries));
	return table->entries ? 0 : -ENOMEM;
}

/* Destroys the objects with numbers above `id`; the newest may depend on older ones. */
static void destroy_above(struct object_table *table, int64_t id)
{
	while (table->count && table->entries[table->count - 1].id > id) {
		table->count--;
		table->destroy(table->entries[table->count].object, table->context);
	}
}

void object_table_release(struct object_table *table)
{
	destroy_above(table, 0);
	free(table->entries);
	table->entries = NULL;
}

bool object_table_is_full(const struct object_table *table)
{
	return table->count == table->limit;
}

int64_t object_table_add(struct object_table *table, void *object)
{
	table->entries[table->count++] = (struct object_entry){
	    .id = ++table->last,
	    .object = object,
	};
	return table->last;
}

static int compare_ids(const void *left, const void *right)
{
	int64_t a = ((const struct object_entry *)left)->id,
		b = ((const struct object_entry *)right)->id;
	return (a > b) - (a < b);
}

static struct object_entry *find(const struct object_table *table, int64_t id)
{
	struct object_entry key = {.id = id};
	if (!table->count)
		return NULL;
	struct object_entry *entry =
	    bsearch(&key, table->entries, table->count, sizeof(key), compare_ids);
	return entry && !entry->hidden ? entry : NULL;
}

void *object_table_get(const struct object_table *table, int64_t id)
{
	struct object_entry *entry = find(table, id);
	return entry ? entry->object : NULL;
}

static void remove_entry(struct object_table *table, struct object_entry *entry)
{
	void *object = entry->object;
	size_t behind = (size_t)(table->entries + table->count - (entry + 1));
	memmove(entry, entry + 1, behind * sizeof(*entry));
	table->count--;
	table->destroy(object, table->context);
}

static void take_away_entry(struct object_table *table, struct object_entry *entry)
{
	if (entry->id > table->mark) {
		remove_entry(table, entry);
		return;
	}
	entry->hidden = true;
	table->hidden++;
}

bool object_table_take_away(struct object_table *table, int64_t id)
{
	struct object_entry *entry = find(table, id);
	if (!entry)
		return false;
	take_away_entry(table, entry);
	return true;
}

void object_table_take_away_if(struct object_table *table,
			       bool (*matches)(const void *object, const void *argument),
			       const void *argument)
{
	for (size_t i = table->count; i-- > 0;) {
		struct object_entry *entry = &table->entries[i];
		if (!entry->hidden && matches(entry->object, argument))
			take_away_entry(table, entry);
	}
}

bool object_table_is_base(const struct object_table *table)
{
	return table->last == table->mark && !table->hidden;
}

void object_table_mark(struct object_table *table)
{
	for (size_t i = table->count; i-- > 0;)
		if (table->entries[i].hidden)
			remove_entry(table, &table->entries[i]);
	table->mark = table->last;
	table->hidden = 0;
}

int object_table_reset(struct object_table *table, int (*show)(void *object, void *context))
{
	destroy_above(table, table->mark);
	table->last = table->mark;
	for (size_t i = 0; i < table->count; i++) {
		struct object_entry *entry = &table->entries[i];
		if (!entry->hidden)
			continue;
		int result = show ? show(entry->object, table->context) : 0;
		if (result)
			return result;
		entry->hidden = false;
		table->hidden--;
	}
	return 0;
}
