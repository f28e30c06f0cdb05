/* Ids for live objects; see id_table.h. */
#include "accel/id_table.h"

#include "util/lock.h"

vaccel_id_t id_table_add(struct id_table *table, void *object)
{
	lock_scoped(&table->lock);
	if (table->live == table->limit)
		return 0;
	/* At most `limit` steps; one where ids are short-lived. */
	uint32_t index = table->last % table->limit;
	while (table->objects[index])
		index = (index + 1) % table->limit;
	table->objects[index] = object;
	table->live++;
	table->last = index + 1;
	return index + 1;
}

void id_table_remove(struct id_table *table, vaccel_id_t id, const void *object)
{
	lock_scoped(&table->lock);
	if (id < 1 || id > table->limit || table->objects[id - 1] != object)
		return;
	table->objects[id - 1] = NULL;
	table->live--;
}

void *id_table_find(struct id_table *table, vaccel_id_t id)
{
	if (id < 1 || id > table->limit)
		return NULL;
	lock_scoped(&table->lock);
	return table->objects[id - 1];
}

void *id_table_next(struct id_table *table, vaccel_id_t *cursor,
		    bool (*wanted)(const void *object, int what), int what)
{
	lock_scoped(&table->lock);
	for (uint32_t index = (uint32_t)*cursor; index < table->limit; index++) {
		void *object = table->objects[index];
		if (object && (!wanted || wanted(object, what))) {
			*cursor = index + 1;
			return object;
		}
	}
	return NULL;
}
