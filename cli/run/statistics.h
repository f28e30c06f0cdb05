/* Figures of many requests: kept as they come, summed up at the end. */
#ifndef MAYFLY_CLI_RUN_STATISTICS_H
#define MAYFLY_CLI_RUN_STATISTICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mayfly/function.h"
#include "util/error.h"

struct run_statistics {
	int fd; /* where they go; -1: nowhere yet */
	const char *path;
	bool for_people; /* one line to read, and not JSON */
	size_t count;
	struct mayfly_figures *figures;
};

/* Memory of the monitor for one request at most: its figures while their list grows, and in the
 * file that it hands over. */
#define RUN_STATISTICS_BYTES (3 * sizeof(struct mayfly_figures))

/* Where the figures will go. `path` "json": to standard error, as JSON. "": to standard error, as a
 * line for people if that is a terminal, else as JSON. Anything else: as JSON to that file. Opens
 * the file now, since the monitor that has the figures cannot. `path` must live as long. */
int run_statistics_open(struct run_statistics *statistics, const char *path, struct error *error);

/* Reads what a request of `count` repetitions left in a file. The file is the monitor's: what is in
 * it may be anything. */
int run_statistics_read(struct run_statistics *statistics, int fd, uint64_t count,
			struct error *error);

/* Under what the requests were served. */
struct run_conditions {
	const char *isolation, *way;		 /* way "": nothing is to be said */
	uint64_t memory_per_slot, memory_shared; /* bytes */
	uint64_t
	    machines; /* that were used for all of them, one after the other; 0: one for each */
};

/* Writes one JSON object, of which times are in microseconds, or the line for people; and a
 * newline. -ETIMEDOUT where nobody takes it by then (CLOCK_MONOTONIC). */
int run_statistics_write(const struct run_statistics *statistics,
			 const struct run_conditions *conditions, uint64_t deadline_ns,
			 struct error *error);

void run_statistics_release(struct run_statistics *statistics);

#endif
