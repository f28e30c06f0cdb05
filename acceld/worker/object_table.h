/* The objects of one kind that one connection holds, by number.
 *
 * Numbers go up from 1. A mark makes what is there the base: taking a base object away only hides
 * it, and a reset destroys what is newer than the mark, shows what was hidden and goes back to the
 * numbers that come after the mark. So a clone of a guest, which knows the numbers that its
 * snapshot knew, always finds the same objects behind them. Not thread-safe: a table belongs to
 * its connection's thread.
 */
#ifndef MAYFLY_ACCELD_OBJECT_TABLE_H
#define MAYFLY_ACCELD_OBJECT_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct object_entry {
	int64_t id;
	void *object;
	bool hidden;
};

struct object_table {
	struct object_entry *entries; /* by ascending id */
	size_t count, limit;
	int64_t last;  /* the number given out last */
	int64_t mark;  /* numbers up to this one are the base */
	size_t hidden; /* entries */
	void (*destroy)(void *object, void *context);
	void *context; /* for destroy */
};

/* At most `limit` objects, hidden ones counted. -ENOMEM. */
int object_table_init(struct object_table *table, size_t limit, void (*destroy)(void *, void *),
		      void *context);

/* Destroys all objects, newest first. */
void object_table_release(struct object_table *table);

bool object_table_is_full(const struct object_table *table);

/* The table owns `object` from now on. Returns its number; the table must not be full. */
int64_t object_table_add(struct object_table *table, void *object);

/* NULL where there is none of that number, or it is hidden. */
void *object_table_get(const struct object_table *table, int64_t id);

/* Destroys the object, or hides it where it belongs to the base: false where there is none. */
bool object_table_take_away(struct object_table *table, int64_t id);

/* object_table_take_away() for each object that matches and is not hidden. */
void object_table_take_away_if(struct object_table *table,
			       bool (*matches)(const void *object, const void *argument),
			       const void *argument);

/* True where a reset would do nothing. */
bool object_table_is_base(const struct object_table *table);

/* The base is what is there and not hidden; what is hidden is destroyed. */
void object_table_mark(struct object_table *table);

/* Destroys what is newer than the mark, newest first, and calls show() (may be NULL) on each
 * object that was hidden. Stops at the first failure of show() and returns it. */
int object_table_reset(struct object_table *table, int (*show)(void *object, void *context));

#endif
