/* A revision of a function: its monitor and machines, from zero and back.
 *
 * At zero there is nothing but this structure. The first request starts a monitor and waits for it. How
 * many machines are kept warm follows the rate at which requests come (slots_policy.h); a while after the
 * last request the monitor is stopped. One that dies is started anew by the next request, at growing intervals
 * where it does not even start. All of it is for the thread of the event loop.
 */
#ifndef MAYFLY_GATEWAY_REVISION_H
#define MAYFLY_GATEWAY_REVISION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "functions/slots_policy.h"
#include "images/images.h"
#include "loop/event_loop.h"
#include "mayfly/function.h"
#include "util/error.h"

enum revision_state {
	REVISION_ZERO,
	REVISION_STARTING,
	REVISION_READY,
	REVISION_ENDING, /* its monitor is to end; started again where a request comes meanwhile */
};

/* A request on its way through a revision. The first part is filled in by whoever submits it, and stays
 * until `done`. */
struct invocation {
	const void *prefix;
	size_t prefix_length;
	const void *body;
	size_t body_length;
	const char *const *variables;
	bool unbuffered;	 /* what the program writes is wanted at once */
	bool lasts;		 /* its time begins anew with each part of the response */
	bool fed;		 /* more of the body follows by revision_feed() */
	uint64_t deadline_ns;	 /* CLOCK_MONOTONIC; 0: that of the function alone */
	uint64_t response_limit; /* bytes, after which it is stopped */
	/* As of struct mayfly_request. */
	int (*respond)(struct invocation *invocation, const void *data, size_t length);
	void (*done)(struct invocation *invocation, const struct mayfly_result *result);
	/* `fed`: the program reads on. May be NULL. */
	void (*wanted)(struct invocation *invocation);

	/* The revision's. */
	struct revision *revision;
	uint64_t serial, submitted_ns;
};

struct revision;

/* What the revision tells its owner. */
struct revision_owner {
	/* It is ready for the first time since it was started, or failed. */
	void (*started)(void *context, struct revision *revision, const char *failure);
	/* After revision_retire(): nothing is left of it, and it is gone. */
	void (*retired)(void *context, struct revision *revision);
	/* Where standard error of its programs goes, from a start on: a descriptor, which is closed when
	 * that monitor has ended; -1: nowhere. */
	int (*open_log)(void *context, struct revision *revision);
	const struct mayfly_file
	    *files; /* of the program; the owner's, while the revision is there */
	size_t file_count;
	void *context;
};

/* Takes over what the description holds; it is empty afterwards. */
int revision_open(struct revision **revision, struct event_loop *loop, uint64_t number,
		  struct image_description *description, const struct revision_owner *owner,
		  struct error *error);

/* 0: done() will be called. -EAGAIN: too many wait; -EBUSY: it has just failed to start, `error` says how;
 * -ESHUTDOWN: it is retired. */
int revision_submit(struct revision *revision, struct invocation *invocation, struct error *error);

/* What follows in the body, of which *taken bytes were taken: all (0), or as many as there was room for
 * (-EAGAIN; `wanted` tells when there is more). Another negative errno: it has ended. */
int revision_feed(struct invocation *invocation, const void *data, size_t length, bool last,
		  size_t *taken);

/* Lets the program go on: `respond` had returned MAYFLY_HOLD. */
void revision_go_on(struct invocation *invocation);

/* Its done() comes soon. */
void revision_cancel(struct invocation *invocation);

/* Has it started without a request. */
void revision_start(struct revision *revision);

/* How many slots are kept in any case, instead of what the description says. */
void revision_set_minimum(struct revision *revision, unsigned minimum);

/* To zero now, or as soon as nothing is under way; the next request starts it. */
void revision_rest(struct revision *revision);

/* Takes no more requests; ends when those that were taken are done. `retired` tells. */
void revision_retire(struct revision *revision);

/* Once a second: slots as the rate wants, to zero after idling. `pressed`: memory is short, only what is needed
 * now stays. */
void revision_tick(struct revision *revision, uint64_t now_ns, bool pressed);

struct revision_figures {
	enum revision_state state;
	uint64_t number;
	unsigned slots_open, slots_idle;
	uint64_t waiting, deaths;
	uint64_t last_start_ns; /* from the request that woke it to ready; 0: never */
	int monitor;		/* process; 0: none */
	const char *isolation, *way;
	const char *failure; /* why it did not start; "" */
};
void revision_figures(struct revision *revision, struct revision_figures *figures);
const struct image_description *revision_description(const struct revision *revision);
uint64_t revision_number(const struct revision *revision);

#endif
