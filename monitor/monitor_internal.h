/* What the monitor's own files know of a monitor. */
#ifndef MAYFLY_MONITOR_INTERNAL_H
#define MAYFLY_MONITOR_INTERNAL_H

#include "accel_client/accel_client.h"
#include "monitor.h"
#include "monitor/guests/kind.h"
#include "monitor/isolation/isolation.h"
#include "monitor/memory/image.h"
#include "monitor/memory/working_set.h"
#include "monitor/slot/guest_time.h"
#include "monitor/slot/setup.h"
#include "monitor/snapshot/snapshot.h"

struct monitor {
	const struct isolation *isolation;
	struct isolation_host *host; /* NULL while there is none, or where it needs none */
	struct guest *guest;
	struct guest_time time;

	/* The image that clones start from: as loaded, or frozen by the set-up. */
	struct image image;
	bool prepared, frozen, fresh, once;
	uint64_t reuse;			/* requests that a machine may serve */
	struct working_set working_set; /* of requests in clones of the image */
	struct setup setup;		/* what it left; `warm_up` is ours */
	struct accel_dialer dialer;

	/* What monitor_plan_save() began; borrows from the rest. NULL: nothing is to be saved. */
	struct snapshot *draft;
	struct slot *first_slot;
	/* The machine in which the set-up ran, a clone now: for the first slot that is opened. */
	_Atomic(struct slot *) spare;
};

/* An empty monitor, to be closed by monitor_close(); NULL: no memory. */
struct monitor *monitor_make(struct error *error);

/* Chooses the isolation of a new monitor, and makes room for as many descriptors as its slots may
 * need. */
int monitor_choose_isolation(struct monitor *monitor, const char *wanted, struct error *error);

/* Whether a guest of that kind may have the devices that are named. */
int monitor_check_devices(const struct guest_kind *kind, const struct guest_options *options,
			  struct error *error);

/* Whether the isolation can have guests of that kind. */
int monitor_check_kind(const struct monitor *monitor, struct error *error);

#endif
