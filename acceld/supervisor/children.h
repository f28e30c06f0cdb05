/* The supervisor's own: what it knows of its children, and how they are forked. */
#ifndef MAYFLY_ACCELD_CHILDREN_H
#define MAYFLY_ACCELD_CHILDREN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "acceld/common/worker_handoff.h"
#include "acceld/supervisor/listener.h"
#include "acceld/supervisor/tenancy.h"
#include "util/clock.h"
#include "util/error.h"

/* Who dies before that dies young. */
#define YOUNG_NS (10 * NANOSECONDS_PER_SECOND)

struct zygote_state {
	pid_t pid;	   /* 0: none */
	bool dismissed;	   /* and killed */
	int orders[2];	   /* the zygote's end and the worker's end of the orders' socket */
	uint64_t start_ns; /* of this one, or of the next one; 0: not yet */
};

struct supervisor {
	struct listener listener;
	struct tenancy tenancy;
	int ready_fd; /* -1: the first worker's start has been reported */
	int signals;
	struct in_flight *in_flight;
	pid_t worker;	   /* 0: none */
	int report;	   /* of this worker; -1: its start has been reported */
	bool up;	   /* this worker has come up */
	bool was_up;	   /* some worker has */
	struct error said; /* why this one could not */
	unsigned failures; /* workers in a row that had not served anything */
	unsigned crashes;  /* workers that were killed, and not by SIGKILL */
	uint64_t start_ns; /* of the worker, or of the next one */
	uint64_t leave_ns; /* when it must have ended; 0: it may stay */
	bool killed;
	struct zygote_state zygote;
	pid_t optimizer;       /* of models; 0: none */
	uint64_t optimizer_ns; /* when it is to start; 0: it has run, or is not planned yet */
};

/* How supervisor_run() goes on. */
enum course {
	COURSE_ON,
	COURSE_OVER,
	COURSE_FORKED,
	COURSE_FORKED_ZYGOTE,
	COURSE_FORKED_OPTIMIZER,
	COURSE_FORKED_RELAY
};

/* These fork: they return a course, which is COURSE_FORKED… in the child, or a negative errno. */
int children_start_worker(struct supervisor *self, struct worker_handoff *handoff,
			  struct error *error);
int children_start_zygote(struct supervisor *self, struct worker_handoff *handoff);
int children_start_optimizer(struct supervisor *self, struct worker_handoff *handoff);
int children_start_relay(struct supervisor *self, struct worker_handoff *handoff);

bool children_zygote_is_due(const struct supervisor *self);
bool children_optimizer_is_due(const struct supervisor *self);

/* Take away those that have ended. */
void children_reap_zygote(struct supervisor *self);
void children_reap_optimizer(struct supervisor *self);

/* Ends the zygote, with all that the worker before may have left to it. */
void children_dismiss_zygote(struct supervisor *self);

#endif
