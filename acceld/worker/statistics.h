/* What the worker has done, for people: how many ops, how long they took, and where their time went;
 * by tenant, model and op (mayfly/statistics.h). Thread-safe. */
#ifndef MAYFLY_ACCELD_STATISTICS_H
#define MAYFLY_ACCELD_STATISTICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mayfly/statistics.h"

struct accounts;
struct mayfly_op_times;
struct statistics;
struct statistics_series;

/* Whoever shows `key` may see it; the key is the caller's. NULL where there is no memory. */
struct statistics *statistics_new(void);

/* NULL is fine. */
void statistics_delete(struct statistics *statistics);

/* Makes a new key and writes it to "<socket_path>.key", which only this user can read. A taken-over
 * monitor, whose guests may ask for ops as well, can read no file. Without a key nobody gets to see
 * anything. */
void statistics_make_key(struct statistics *statistics, const char *socket_path);

bool statistics_know_key(const struct statistics *statistics, const void *key, size_t size);

/* Counts an op. *last is the caller's own, NULL at first: it makes the next one of the same kind
 * cheap. */
void statistics_count(struct statistics *statistics, const char *tenant, uint16_t op, int status,
		      const struct mayfly_op_times *times, struct statistics_series **last);

/* All that there is to tell, in one malloc'ed block: NULL where there is no memory. */
void *statistics_tell(struct statistics *statistics, struct accounts *accounts, size_t *size);

#endif
