/* A slot: one machine, its window, its way to the accelerator host, and the request that runs in
 * it. A kind of guest (guests/kind.h) serves what the guest asks for with the functions here;
 * monitor/serve.c drives it. Internal to the monitor; monitor.h has what others use.
 *
 * Belongs to one thread at a time. */
#ifndef MAYFLY_MONITOR_SLOT_H
#define MAYFLY_MONITOR_SLOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "accelerator.h"
#include "guest_time.h"
#include "monitor/isolation/isolation.h"
#include "monitor/memory/window.h"
#include "request.h"
#include "setup.h"

#define SLOT_LOG_KEPT 1024

struct bus;
struct guest;
struct monitor;

struct slot {
	struct monitor *monitor; /* the slot's owner; kinds of guests do not look there */
	const struct guest *guest;
	const char *name; /* the guest's, for messages */
	const struct image *image;
	const struct guest_time *time;
	struct machine *machine;
	struct window window;
	struct accelerator accelerator;
	/* The set-up that this slot is to do, and that keeps what comes of it; NULL: it serves
	 * requests. It becomes NULL where a set-up turns out to be none. */
	struct setup *setup;
	const struct guest_state *state; /* what the set-up's machine left; NULL: nothing */
	struct bus *bus;		 /* its devices; NULL where the kind has none */
	void *own;			 /* what the kind has besides; NULL where it has nothing */
	/* The request that runs now. */
	const struct request *request;
	struct request warm_up; /* what *request is while the set-up is warmed up */
	struct request_result *result;
	size_t consumed;	    /* of request->data */
	uint64_t responded, logged; /* bytes of response and log that were handed on */
	uint64_t deadline_ns;
	uint64_t trace_origin_ns; /* the monotonic clock when the request began */
	const char *traced_call;  /* the last one's name; NULL: it has none */
	bool console_is_log;	  /* the response comes another way: over a network */
	bool finishing;		  /* what is handed on now is the end of the response */
	bool response_kept;	  /* the response area still has what the last request left there */
	/* How many requests its machine may serve, one after the other; 1: it is reset behind each. */
	uint64_t reuse;
	uint64_t served; /* so many it has served, and goes on from there with the next one */
	bool answered;	 /* the guest has answered, and is to stop where it can go on */
	bool stale; /* the accelerator host may still write into the window: never use it again */
	/* The end of what the program wrote to standard error, for a crash report. */
	char log[SLOT_LOG_KEPT + 1];
	size_t log_length;
};

/* What a run came to. */
enum slot_end {
	SLOT_FINISHED, /* *slot->result tells */
	SLOT_FROZEN,   /* a set-up is done: the program waits for its request */
};

/* The request ends as its deadline does; `reason` is what it waited for, in words. */
void slot_miss_deadline(struct slot *slot, const char *reason);

/* Decides how a request ends when the last of its response was delivered with `code`: a program
 * that crashed or was stopped keeps its own result; for any other, `code` counts. Returns 0, or the
 * code if the request fails by it. */
int slot_judge_delivery(struct request_result *result, int code, const struct error *error);

/* Takes a part of the program's response as far as the limit allows; *beyond: it does not. That of
 * a set-up is kept. 0, or why it could not be delivered: -ETIMEDOUT past the deadline. */
int slot_take_response(struct slot *slot, const uint8_t *data, uint64_t length, bool *beyond,
		       struct error *error);

/* Takes what the guest writes to its console: of its response, or of its log. */
int slot_take_console(struct slot *slot, const uint8_t *data, uint64_t length, bool *beyond,
		      struct error *error);

/* From now on that is its log, and so is what the set-up has written there. */
void slot_make_console_log(struct slot *slot);

/* The request ends by a response that is longer than the limit allows. */
void slot_end_beyond_limit(struct slot *slot);

/* Serves the accelerated call whose message lies at [offset, offset + length) of the arena, until the
 * request's deadline. 0, or a negative errno for the guest; *over: the deadline has passed, and the
 * request ends. */
int slot_accelerate(struct slot *slot, uint64_t offset, uint64_t length, bool *over);

/* Takes a part of the program's log: the end is kept for a crash report, and as much is handed on
 * as the limit leaves. */
void slot_take_log(struct slot *slot, const uint8_t *data, size_t length);

/* The guest's server has answered the request. True: its machine is used again, so that it is to stop
 * where it can go on (slot->answered); false: the request is to end at once. */
bool slot_end_answered(struct slot *slot);

/* The end of the log, as text. Valid until more is taken. */
const char *slot_last_log(struct slot *slot);

/* Has the next part of the request's data in the request area, and returns how long it is; *last:
 * nothing follows. */
size_t slot_fill_request(struct slot *slot, bool *last);

/* Gets the part that follows the request's data into the request area, waiting for it until
 * `until_ns` at most; *length is 0 at the end. -EAGAIN: nothing came until then; any other error is
 * the host's. */
int slot_read_request(struct slot *slot, uint64_t until_ns, uint64_t *length, bool *last,
		      struct error *error);

/* The set-up goes on with the request to warm up with. */
void slot_begin_warm_up(struct slot *slot);

#endif
