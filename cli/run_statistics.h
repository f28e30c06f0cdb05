/* Figures of many requests: kept as they come, summed up at the end. */
#ifndef MAYFLY_CLI_RUN_STATISTICS_H
#define MAYFLY_CLI_RUN_STATISTICS_H

#include <stddef.h>
#include <stdint.h>

#include "monitor.h"
#include "util/error.h"

struct run_statistics {
	int fd; /* where they go; -1: nowhere yet */
	const char *path;
	size_t count, room;
	struct run_figures {
		uint64_t clone_ns, run_ns, reset_ns, ops, op_ns;
	} * figures;
};

/* Memory for one request at most: its figures while their list grows, and two sorted copies of one.
 */
#define RUN_STATISTICS_BYTES (2 * sizeof(struct run_figures) + 2 * sizeof(double))

/* They will go to `path`, which must live as long, or to standard error where it is "": opened now,
 * since the monitor that has the figures opens nothing. */
int run_statistics_open(struct run_statistics *statistics, const char *path, struct error *error);

int run_statistics_add(struct run_statistics *statistics, const struct request_result *result,
		       struct error *error);

/* Writes one JSON object and a newline. Times are in microseconds. */
int run_statistics_write(const struct run_statistics *statistics, const char *isolation,
			 uint64_t memory_per_slot, uint64_t memory_shared, struct error *error);

void run_statistics_release(struct run_statistics *statistics);

#endif
