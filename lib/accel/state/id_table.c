/* Ids for live objects; see id_table.h. */
#include "accel/state/id_table.h"

#include <stdatomic.h>

#include "accel/state/list.h"
#include "util/lock.h"

void id_table_begin(struct id_table *table, _Atomic(void *) *objects, uint32_t limit)
{
	table->objects = objects;
	table->limit = limit;
	table->last = 0;
}

static void *look(struct id_table *table, uint32_t index)
{
	return atomic_load_explicit(&table->objects[index], memory_order_acquire);
}

vaccel_id_t id_table_add(struct id_table *table, void *object, struct vaccel_list_entry *list,
			 struct vaccel_list_entry *entry)
{
	lock_scoped(&table->lock);
	if (table->live == table->limit)
		return 0;
	/* At most `limit` steps; one where ids are short-lived. */
	uint32_t index = table->last == table->limit ? 0 : table->last;
	while (look(table, index))
		index = index + 1 == table->limit ? 0 : index + 1;
	atomic_store_explicit(&table->objects[index], object, memory_order_release);
	list_append(list, entry);
	table->live++;
	table->last = index + 1;
	return index + 1;
}

bool id_table_remove(struct id_table *table, vaccel_id_t id, const void *object,
		     struct vaccel_list_entry *entry)
{
	if (id < 1 || id > table->limit)
		return false;
	lock_scoped(&table->lock);
	if (look(table, (uint32_t)id - 1) != object)
		return false;
	atomic_store_explicit(&table->objects[id - 1], NULL, memory_order_release);
	list_remove(entry);
	table->live--;
	return true;
}

void *id_table_find(struct id_table *table, vaccel_id_t id)
{
	if (id < 1 || id > table->limit)
		return NULL;
	return look(table, (uint32_t)id - 1);
}

void *id_table_next(struct id_table *table, vaccel_id_t *cursor)
{
	lock_scoped(&table->lock);
	for (uint32_t index = (uint32_t)*cursor; index < table->limit; index++) {
		void *object = look(table, index);
		if (object) {
			*cursor = index + 1;
			return object;
		}
	}
	return NULL;
}
