/* What a supervisor hands to the processes that it forks. */
#ifndef MAYFLY_ACCELD_WORKER_HANDOFF_H
#define MAYFLY_ACCELD_WORKER_HANDOFF_H

struct in_flight;
struct tenant_config;

/* All of it is the relay's. */
struct relay_handoff {
	int listener;		      /* accepts without blocking */
	int handover;		      /* to the worker (handover.h) */
	struct tenant_config *config; /* to be freed by free() */
};

/* All of it is the worker's. */
struct worker_handoff {
	int control; /* says where to listen (listener_message.h) */
	int report;  /* background_report() through it: the supervisor waits for that */
	int zygote;  /* takes orders for tenants' workers (tenant_channel.h) */
	struct in_flight *in_flight;
	struct relay_handoff relay; /* where a relay was forked, and no worker */
};

#endif
