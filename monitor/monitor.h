/* The monitor: owns the machines of one function.
 *
 *     monitor_open()      load the program into an image
 *     monitor_prepare()   run its set-up once and freeze it (a snapshot), or find that it has none
 *     slot_open()         one machine cloned from the snapshot
 *     slot_serve()        one request in it: clone, run, reset
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

#include "monitor/guests/options.h"
#include "monitor/slot/request.h"
#include "util/error.h"

struct accel_dialer;
struct monitor;
struct slot;

struct monitor_options {
	struct guest_options guest;
	const char *isolation; /* "auto", "kvm" or "process" */
	bool debug;	       /* the library OS reports what it does not know */
	bool fresh; /* there is no set-up: each request runs the program from its start */
	/* And there is one request only, and one slot: it writes into the image itself, which saves it a
	 * copy of each page that it changes. */
	bool once;
	/* How many requests a machine may serve, one after the other, without a reset between them: its
	 * guest must be a server to which requests come by a network. 0, 1: each has one of its own. */
	uint64_t reuse;
	/* A request that the set-up serves before the snapshot is taken; its response is thrown
	 * away. NULL: none. */
	const void *warm_up;
	size_t warm_up_length;
	/* How it reaches the accelerator host: for a monitor that will give up its rights. What the
	 * dialer's context names must outlive it. For one that keeps them: accel_dialer_own. */
	const struct accel_dialer *dialer;
};

int monitor_open(struct monitor **monitor, const struct monitor_options *options,
		 struct error *error);
void monitor_close(struct monitor *monitor);

/* Opens the snapshot file options->guest.program; of the other options only isolation, debug,
 * dialer, reuse and the guest's devices count, and fresh is EINVAL. The monitor is prepared: requests can be
 * served at once. */
int monitor_open_snapshot(struct monitor **monitor, const struct monitor_options *options,
			  struct error *error);

/* Finds out what a snapshot file says of program, root image and machine. To be called once, before
 * monitor_prepare() and, as it opens and reads files, before the monitor gives up its rights.
 * EINVAL, ENOTSUP where no file could hold what the monitor runs. For what starts afresh for each
 * request there is nothing to do. */
int monitor_plan_save(struct monitor *monitor, struct error *error);

/* Writes what monitor_prepare() froze into an empty file, as planned. EINVAL where it froze
 * nothing. */
int monitor_save(struct monitor *monitor, int fd, struct error *error);

/* The name of the isolation in force. */
const char *monitor_isolation(const struct monitor *monitor);

/* Runs the program's set-up until it first waits for its request; `request` gives limits and log.
 * *finished: the program ended without waiting for one; then *result is the answer to `request`,
 * and each further request runs the program from its start. With monitor_options.fresh that is so, too,
 * but nothing has run, and `request` is not answered. Not thread-safe. */
int monitor_prepare(struct monitor *monitor, const struct request *request, bool *finished,
		    struct request_result *result, struct error *error);

/* Bytes that all slots of this monitor share: the snapshot. */
uint64_t monitor_shared_bytes(const struct monitor *monitor);

int slot_open(struct slot **slot, struct monitor *monitor, struct error *error);
void slot_close(struct slot *slot);

/* Serves one request in a fresh clone; afterwards the slot is clean again, but for a machine that is
 * used again (monitor_options.reuse). EINVAL where its guest cannot be. Any other error is the host's
 * (or the response could not be delivered); how the program fared is in *result. After an error the
 * slot can only be closed. */
int slot_serve(struct slot *slot, const struct request *request, struct request_result *result,
	       struct error *error);

/* Host memory that this slot alone holds: pages written, window; without the kernel's own. */
uint64_t slot_private_bytes(const struct slot *slot);

/* Prepares the monitor where needed, and serves one request in its first slot. */
int monitor_serve(struct monitor *monitor, const struct request *request,
		  struct request_result *result, struct error *error);

/* Whether the set-up found a server, which waits for requests over connections; of a snapshot from a
 * file that is not known. */
bool monitor_listens(const struct monitor *monitor);

/* The slot that monitor_serve() uses; NULL before the first request. */
struct slot *monitor_first_slot(const struct monitor *monitor);

#endif
