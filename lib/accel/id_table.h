/* Ids for live objects: increasing from 1, wrapping at a limit, looked up in one step. */
#ifndef MAYFLY_ACCEL_ID_TABLE_H
#define MAYFLY_ACCEL_ID_TABLE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "vaccel/id.h"

/* All zero is an empty table, but for `limit` and `lock`. `objects` has room for `limit`. */
struct id_table {
	pthread_mutex_t lock;
	void **objects; /* objects[id - 1]; NULL where the id is free */
	uint32_t limit;
	uint32_t last; /* the id given out last */
	uint32_t live;
};

/* Gives the object an id; 0 where all are taken. */
vaccel_id_t id_table_add(struct id_table *table, void *object);

/* Frees the id of an object; does nothing where the id is not that object's (any more). */
void id_table_remove(struct id_table *table, vaccel_id_t id, const void *object);

/* The object with this id, or NULL. The caller makes sure that it lives on. */
void *id_table_find(struct id_table *table, vaccel_id_t id);

/* The live object with the smallest id above *cursor (0: the first) that `wanted` takes (NULL:
 * any), or NULL. *cursor becomes its id. `wanted` runs under the table's lock: the object is there.
 */
void *id_table_next(struct id_table *table, vaccel_id_t *cursor,
		    bool (*wanted)(const void *object, int what), int what);

#endif
