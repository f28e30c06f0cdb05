/* The HTTP worker: what all its parts share. */
#ifndef MAYFLY_GATEWAY_WORKER_H
#define MAYFLY_GATEWAY_WORKER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "api/route.h"
#include "http/http_server.h"
#include "link/link.h"
#include "loop/event_loop.h"
#include "util/error.h"
#include "worker/access_log.h"
#include "worker/call_table.h"
#include "worker/link_port.h"
#include "worker/settings.h"

/* What a listener's requests get as their context. */
struct listener {
	struct worker *worker;
	enum route_listener kind;
	struct http_server *server; /* NULL: there is none */
	struct event_loop_watch *watch;
	struct event_loop_post post; /* there is more to do at once */
	atomic_bool posted;
};

struct worker {
	struct settings settings;
	struct event_loop *loop;
	struct link_port *port;
	struct arena *arena;	/* for what clients send */
	struct arena_view view; /* of what the supervisor answers */
	struct call_table calls;
	struct access_log log;
	struct listener main, metrics;
	bool has_metrics;     /* there is a listener for them */
	atomic_size_t living; /* calls */
	atomic_bool quitting; /* no more are to come: the last one's end is the worker's */
};

/* Each call says when it begins, and when it is over. Thread-safe. */
void worker_call_began(struct worker *worker);
void worker_call_ended(struct worker *worker);

#endif
