/* A slot: one machine, its window and its way to the accelerator host. Internal to the monitor;
 * monitor.h has what others use. */
#ifndef MAYFLY_MONITOR_SLOT_H
#define MAYFLY_MONITOR_SLOT_H

#include "accelerator.h"
#include "isolation.h"
#include "monitor.h"
#include "window.h"

#define SLOT_LOG_KEPT 1024

struct slot {
	struct monitor *monitor;
	struct machine *machine;
	struct window window;
	struct accelerator accelerator;
	/* The request that runs now. */
	const struct request *request;
	struct request warm_up; /* what *request is while the set-up is warmed up */
	struct request_result *result;
	size_t consumed;	    /* of request->data */
	uint64_t responded, logged; /* bytes of response and log that were handed on */
	uint64_t deadline_ns;
	uint64_t trace_origin_ns; /* the monotonic clock when the request began */
	bool stale; /* the accelerator host may still write into the window: never use it again */
	/* The end of what the program wrote to standard error, for a crash report. */
	char log[SLOT_LOG_KEPT + 1];
	size_t log_length;
};

/* Fills the machine, window and connection of *slot. `private`: a clone; else the set-up machine.
 */
int slot_build(struct slot *slot, struct monitor *monitor, const struct image *image, bool private,
	       struct error *error);
void slot_dismantle(struct slot *slot);

/* Begins a request: everything that is new for each clone goes into the control page. */
int slot_begin(struct slot *slot, const struct request *request, struct request_result *result,
	       struct error *error);

/* What a run came to. */
enum slot_end {
	SLOT_FINISHED, /* *slot->result tells */
	SLOT_FROZEN,   /* a set-up is done: the program waits for its request */
};

/* Runs the guest and serves its hypercalls until it has finished or froze. */
int slot_run(struct slot *slot, enum machine_entry entry, enum slot_end *end, struct error *error);

/* The request ends as its deadline does; `reason` is what it waited for, in words. */
void slot_miss_deadline(struct slot *slot, const char *reason);

/* Hands on what stands in the response area; `length` fits into it. -ETIMEDOUT past the deadline.
 */
int slot_flush_response(struct slot *slot, uint64_t length, struct error *error);

#endif
