/* Work that may wait: for a disk, or a program. A few threads do it; what came of it is told in the event
 * loop. */
#ifndef MAYFLY_GATEWAY_BACKGROUND_H
#define MAYFLY_GATEWAY_BACKGROUND_H

#include "loop/event_loop.h"
#include "util/error.h"

struct background;

struct background_job {
	struct event_loop_post post; /* its own */
	struct background_job *next;
	void (*work)(struct background_job *job); /* in a thread of its own kind */
	void (*finished)(
	    struct background_job *job); /* in the event loop; the job is whoever's made it */
};

/* Quick jobs (the store) do not wait behind slow ones (images). */
enum background_kind {
	BACKGROUND_QUICK,
	BACKGROUND_SLOW,
	BACKGROUND_KINDS,
};

int background_open(struct background **background, struct event_loop *loop, struct error *error);

/* Waits for all jobs; `finished` of those comes by the loop's next turn, or its end. */
void background_close(struct background *background);

/* Thread-safe. */
void background_add(struct background *background, enum background_kind kind,
		    struct background_job *job);

#endif
