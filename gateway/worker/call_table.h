/* The calls that the supervisor knows of, by their number. Thread-safe. */
#ifndef MAYFLY_GATEWAY_CALL_TABLE_H
#define MAYFLY_GATEWAY_CALL_TABLE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* What the table has of a call; its first member. */
struct call_entry {
	struct call_entry *next; /* in its bucket */
	uint64_t id;
	atomic_uint references;
};

/* Numbers are given in turn, so that their lowest bits spread calls evenly. */
#define CALL_BUCKETS 4096

struct call_table {
	pthread_mutex_t lock;
	struct call_entry *buckets[CALL_BUCKETS];
	uint64_t last_id;
};

void call_table_open(struct call_table *table);
void call_table_close(struct call_table *table);

/* Adds one, with a new number and a reference. */
void call_table_add(struct call_table *table, struct call_entry *entry);

/* The one with that number, with a reference for the caller; NULL where there is none. */
struct call_entry *call_table_find(struct call_table *table, uint64_t id);

/* Takes it out. False where it was not there; else the table's reference is the caller's. */
bool call_table_remove(struct call_table *table, struct call_entry *entry);

/* Any one, taken out; NULL where there is none. */
struct call_entry *call_table_remove_any(struct call_table *table);

#endif
