/* The program that a verb is to run, and how: shared by `mayfly run` and `mayfly snapshot`. The
 * options that fill struct launch_values are in launch_options.def. */
#ifndef MAYFLY_CLI_LAUNCH_H
#define MAYFLY_CLI_LAUNCH_H

#include <stddef.h>
#include <stdint.h>

#include "monitor.h"
#include "options/options.h"
#include "util/clock.h"
#include "util/error.h"

struct launch_values {
	int isolation;	 /* index into launch_isolations */
	uint64_t memory; /* 0: what suits most */
	uint64_t timeout_ns;
	uint64_t response_limit, log_limit; /* bytes */
	struct option_list environment;
	const char *root;    /* NULL: none */
	const char *warm_up; /* a file; NULL: none */
	const char *cgroup;  /* NULL: where it may be */
	uint64_t cpus;	     /* thousandths of a processor; 0: no limit */
};

extern const char *const launch_isolations[];

#define LAUNCH_DEFAULTS                                                                            \
	{                                                                                          \
		.timeout_ns = 30 * NANOSECONDS_PER_SECOND, .response_limit = 1UL << 30,            \
		.log_limit = 64UL << 20                                                            \
	}

#define STATUS_DEADLINE 124 /* as timeout(1) */
#define STATUS_FAILED	125 /* Mayfly itself failed, as for docker run */
#define STATUS_SIGNAL	128 /* plus the signal, as a shell says */

/* Opens a monitor for the program and its arguments in `operands`, or for the snapshot file that
 * the first of them is. The values must outlive the monitor's set-up. */
int launch_monitor(struct monitor **monitor, const struct launch_values *values,
		   const struct operands *operands, struct error *error);

/* How much memory up to `limit` bytes take that are written to a descriptor: all of it where that
 * is a file in memory, else none. */
uint64_t launch_memory_written(int fd, uint64_t limit);

/* Says how a program fared that did not simply exit; returns the exit status. */
int launch_tell_outcome(const struct launch_values *values, const char *name,
			const struct request_result *result);

/* Takes a part of the program's standard error: it is Mayfly's, too. */
void launch_pass_log(void *context, const void *data, size_t length);

#endif
