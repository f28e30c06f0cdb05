/* The gateway's supervisor, as its files know it: it keeps state and secrets, starts monitors through
 * libmayfly, and the processes that speak with the network (the HTTP worker), which it replaces when they
 * die. It reads nothing that comes from the network but records that those made of it.
 *
 * One thread runs the event loop and owns everything here; what may wait for a disk or a program is done by
 * background threads (background.h), whose results are posted to the loop.
 */
#ifndef MAYFLY_GATEWAY_SUPERVISOR_H
#define MAYFLY_GATEWAY_SUPERVISOR_H

#include <stdbool.h>
#include <stdint.h>

#include "functions/functions.h"
#include "images/images.h"
#include "loop/event_loop.h"
#include "record/record.h"
#include "store/store.h"
#include "supervisor/background.h"
#include "util/error.h"
#include "util/spawn.h"

/* What the command line says. Strings are the caller's. */
struct supervisor_settings {
	const char *state;	       /* directory */
	const char *user;	       /* of HTTP Basic */
	char *password;		       /* NULL: nobody is asked for one */
	int listen, listen_metrics;    /* sockets; metrics -1: none */
	int access_log;		       /* -1: none */
	const char *certificate, *key; /* PEM, contents; NULL: no TLS */
	uint64_t body_limit;	       /* bytes */
	uint64_t connections, connections_each;
	uint64_t arena;		 /* bytes, for requests and for responses each */
	uint64_t response_limit; /* bytes */
	uint64_t disk_reserve;	 /* bytes; 0: as store_keep_free() says */
	const char *server_name;
	const char *otlp;	  /* URL for spans; NULL: none */
	unsigned callbacks_reach; /* enum courier_reach */
	struct images_settings images;
};

struct peer;
struct call_handler;
struct calls;
struct spans;

struct supervisor {
	const struct supervisor_settings *settings;
	struct event_loop *loop;
	struct store *store;
	struct images *images;
	struct background *background;
	struct functions functions;
	struct logs *logs;
	struct calls *calls;
	struct spans *spans; /* NULL: nobody wants them */
	uint8_t password_digest[32];

	const struct call_handler *handler; /* of what the HTTP worker asks for */
	struct peer *peer;		    /* the HTTP worker; NULL while there is none */
	struct spawn_process worker;
	struct event_loop_watch *worker_watch;
	uint64_t worker_started_ns;
	unsigned worker_failures;
	uint64_t worker_retry_ns; /* 0: it is there */
	uint64_t worker_deaths;

	bool stopping;
	size_t revisions;    /* that are not gone */
	bool pressed;	     /* memory is short */
	uint64_t trimmed_ns; /* when images were trimmed last */
	uint64_t calls_in_flight;
};

#endif
