/* Ids for live objects: increasing from 1, wrapping at a limit, looked up in one step. */
#ifndef MAYFLY_ACCEL_STATE_ID_TABLE_H
#define MAYFLY_ACCEL_STATE_ID_TABLE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "vaccel/id.h"
#include "vaccel/list.h"

/* All zero is an empty table without room, but for `lock`. */
struct id_table {
	pthread_mutex_t lock;
	/* objects[id - 1]; NULL where the id is free. Written under the lock, read also without. */
	_Atomic(void *) *objects;
	uint32_t limit;
	uint32_t last; /* the id given out last */
	uint32_t live;
};

/* Ids begin with 1 again. `objects` has room for `limit` objects, and the live ones are in it
 * already. To be called before anybody else uses the table. */
void id_table_begin(struct id_table *table, _Atomic(void *) *objects, uint32_t limit);

/* Gives the object an id, and puts `entry` of it at the end of `list`, which the table's lock guards
 * too; 0 where all ids are taken. */
vaccel_id_t id_table_add(struct id_table *table, void *object, struct vaccel_list_entry *list,
			 struct vaccel_list_entry *entry);

/* Frees the id of an object and takes its entry out of the list. False where the id is not that
 * object's (any more): nothing is done then. */
bool id_table_remove(struct id_table *table, vaccel_id_t id, const void *object,
		     struct vaccel_list_entry *entry);

/* The object with this id, or NULL. The caller makes sure that it lives on. */
void *id_table_find(struct id_table *table, vaccel_id_t id);

/* The live object with the smallest id above *cursor (0: the first), or NULL. *cursor becomes its
 * id. */
void *id_table_next(struct id_table *table, vaccel_id_t *cursor);

#endif
