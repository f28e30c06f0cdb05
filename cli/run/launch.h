/* The program that a verb is to run, and how: shared by `mayfly run` and `mayfly snapshot`. The
 * options that fill struct launch_values are in launch_options.def. */
#ifndef MAYFLY_CLI_LAUNCH_H
#define MAYFLY_CLI_LAUNCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/run/exchange.h"
#include "mayfly/function.h"
#include "options/options.h"
#include "util/clock.h"
#include "util/error.h"

struct launch_values {
	int isolation;	 /* index into launch_isolations */
	uint64_t memory; /* 0: what suits most */
	uint64_t timeout_ns;
	uint64_t setup_timeout_ns;	    /* 0: the same */
	uint64_t response_limit, log_limit; /* bytes */
	struct option_list environment;
	/* NAME=WHAT each. */
	struct option_list blocks, sector_sizes, block_limits, nets, macs, net_limits, mounts;
	struct option_list writable, read_only; /* parts of the root */
	const char *initrd;			/* NULL: none */
	const char *root;			/* NULL: none */
	const char *directory; /* where the program starts; NULL: the usual place */
	const char *warm_up;   /* a file; NULL: none */
	const char *http;  /* a port, or "": requests are bodies for a server; NULL: they are not */
	const char *vsock; /* the path of a socket; NULL: none */
	const char *accel; /* the layout of a device; NULL: there is none */
	const char *cgroup; /* NULL: where it may be */
	uint64_t reuse;	    /* requests that a machine may serve */
	uint64_t cpus;	    /* thousandths of a processor; 0: no limit */
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

/* How many operands there must be: none where --root may have a command of its own. */
size_t launch_least_operands(const struct launch_values *values);

/* What the program is called in messages. */
const char *launch_name(const struct launch_values *values, const struct operands *operands);

/* Before the verb does anything that takes time: readers of its streams that went away or are slow
 * do not end it or hold it up. */
void launch_prepare_streams(void);

/* Makes the description of what the values and operands name, with this process's streams. Release
 * by launch_release(), whatever comes back; the description is valid until then. */
struct launch {
	struct mayfly_description description;
	const char **arguments, **environment;
	const char **devices; /* texts of our own */
	const char **writable, **read_only;
	uint8_t *warm_up;
};
int launch_describe(struct launch *launch, const struct launch_values *values,
		    const struct operands *operands, struct error *error);
void launch_release(struct launch *launch);

/* Waits for a function, and drives it until *over. Where there is an exchange, what comes for that is
 * passed on. 0 or a negative errno. */
int launch_drive(struct mayfly_function *function, const bool *over, struct http_exchange *exchange,
		 struct error *error);

/* How much memory up to `limit` bytes take that are written to a descriptor: all of it where that
 * is a file in memory, else none. */
uint64_t launch_memory_written(int fd, uint64_t limit);

/* Says, for who wants to know, what holds the function in. */
void launch_tell_isolation(const struct mayfly_function *function);

/* Says how a program fared that did not simply exit; returns the exit status. */
int launch_tell_outcome(const struct launch_values *values, const char *name, bool in_setup,
			const struct mayfly_result *result);

#endif
