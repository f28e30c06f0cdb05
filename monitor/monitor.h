/* The monitor: owns the machines of one function.
 *
 *     monitor_open()      load the program into an image
 *     monitor_prepare()   run its set-up once and freeze it (a snapshot), or find out that it has
 * none slot_open()         one machine cloned from the snapshot slot_serve()        one request in
 * it: clone, run, reset
 *
 * monitor_serve() does the last three for the simple case. A monitor may have many slots; each slot
 * belongs to one thread at a time, slots of one monitor may run in different threads once the
 * monitor is prepared.
 */
#ifndef MAYFLY_MONITOR_MONITOR_H
#define MAYFLY_MONITOR_MONITOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/error.h"

struct monitor;
struct slot;

struct monitor_options {
	const char *program;	      /* path of a static ELF file, or its name in the root */
	const char *root;	      /* directory, archive or image with the program; NULL: none */
	const char *const *arguments; /* NULL-terminated, the program's name first */
	const char *const *environment; /* NULL-terminated */
	const char *isolation;		/* "auto", "kvm" or "process" */
	uint64_t memory;		/* bytes for the program */
	bool debug;			/* the library OS reports what it does not know */
	/* A request that the set-up serves before the snapshot is taken; its response is thrown
	 * away. NULL: none. */
	const void *warm_up;
	size_t warm_up_length;
};

/* One request. The first `length` bytes are at `data`; where `fd` is not negative, what can be read
 * there follows them. */
struct request {
	const void *data;
	size_t length;
	int fd;
	uint64_t timeout_ns; /* from when it is served */
	/* Bytes; 0: no limit. A response that is longer ends the request as a crash with SIGXFSZ;
	 * of a longer log the rest is dropped. */
	uint64_t response_limit, log_limit;
	/* Takes a part of the response. 0 or a negative errno, which fails the request; -ETIMEDOUT
	 * ends it as its deadline does, which is at `deadline_ns` (CLOCK_MONOTONIC). */
	int (*respond)(void *context, const void *data, size_t length, uint64_t deadline_ns);
	/* Takes a part of the program's standard error. */
	void (*log)(void *context, const void *data, size_t length);
	/* Takes lines about the program's system calls; NULL where no trace is wanted. */
	void (*trace)(void *context, const char *line, size_t length);
	void *context;
};

enum outcome {
	OUTCOME_EXITED,	  /* status: the program's */
	OUTCOME_SIGNALED, /* status: the signal by which it ended itself */
	OUTCOME_CRASHED,  /* status: the signal that Linux would have sent; report tells */
	OUTCOME_DEADLINE,
	OUTCOME_LOST, /* the machine was killed from outside */
};

#define REPORT_MAX 4096

struct request_result {
	enum outcome outcome;
	int status;
	/* Lines about a crash, a missing library, what a deadline cut short; else empty. */
	char report[REPORT_MAX];
	uint64_t clone_ns, run_ns, reset_ns;
	uint64_t pages; /* written by the request; 0 where not known */
	uint64_t ops, op_ns;
};

int monitor_open(struct monitor **monitor, const struct monitor_options *options,
		 struct error *error);
void monitor_close(struct monitor *monitor);

/* True where the file is a snapshot, for monitor_open_snapshot(). */
bool monitor_is_snapshot(const char *path);

/* Opens the snapshot file options->program; of the options, isolation and debug count, too. The
 * monitor is prepared: requests can be served at once. */
int monitor_open_snapshot(struct monitor **monitor, const struct monitor_options *options,
			  struct error *error);

/* Finds out what a snapshot file says of program, root image and machine. To be called once, before
 * monitor_prepare() and, as it opens and reads files, before monitor_confine(). EINVAL, ENOTSUP
 * where no file could hold what the monitor runs. */
int monitor_plan_save(struct monitor *monitor, struct error *error);

/* Writes what monitor_prepare() froze into an empty file, as planned. EINVAL where it froze
 * nothing. */
int monitor_save(struct monitor *monitor, int fd, struct error *error);

/* The name of the isolation in force. */
const char *monitor_isolation(const struct monitor *monitor);

/* What the monitor's process may take, with all that it starts, beside what follows from its
 * program and memory (allowance.c). */
struct monitor_limits {
	/* The directory of the control group below which it gets one of its own, or "self" for the
	 * one that this process is in; NULL: where that may be done. */
	const char *cgroup;
	uint64_t cpus;	     /* thousandths of a processor; 0: no limit */
	uint64_t work_bytes; /* memory that `work` needs for itself; UINT64_MAX: as it wants */
};

/* Does `work` with the monitor in a process of its own that has given up its rights: it opens no
 * file, starts no program and connects to nothing; what `work` writes to, beside the standard
 * streams, must be open before. What it changes in memory stays there. Returns what `work`
 * returned, with its error; -EPROTO where its process died. Where this machine does not allow a
 * measure, the work is done without, and the log says so at debug level; but limits->cgroup and
 * limits->cpus are in force, or it fails. To be called while there is one thread and before
 * anything else is done with the monitor; afterwards it can only be closed. */
int monitor_confine(struct monitor *monitor, const struct monitor_limits *limits,
		    int (*work)(void *context, struct error *error), void *context,
		    struct error *error);

/* Runs the program's set-up until it first waits for its request; `request` gives limits and log.
 * *finished: the program ended without waiting for one; then *result is the answer to `request`,
 * and each further request runs the program from its start. Not thread-safe. */
int monitor_prepare(struct monitor *monitor, const struct request *request, bool *finished,
		    struct request_result *result, struct error *error);

/* Bytes that all slots of this monitor share: the snapshot. */
uint64_t monitor_shared_bytes(const struct monitor *monitor);

int slot_open(struct slot **slot, struct monitor *monitor, struct error *error);
void slot_close(struct slot *slot);

/* Serves one request in a fresh clone; afterwards the slot is clean again. An error is the host's
 * (or the response could not be delivered); how the program fared is in *result. After an error the
 * slot can only be closed. */
int slot_serve(struct slot *slot, const struct request *request, struct request_result *result,
	       struct error *error);

/* Host memory that this slot alone holds: pages written, window; without the kernel's own. */
uint64_t slot_private_bytes(const struct slot *slot);

/* Prepares the monitor where needed, and serves one request in its first slot. */
int monitor_serve(struct monitor *monitor, const struct request *request,
		  struct request_result *result, struct error *error);

/* The slot that monitor_serve() uses; NULL before the first request. */
struct slot *monitor_first_slot(const struct monitor *monitor);

#endif
