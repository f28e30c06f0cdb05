/* The connections of an accelerator host: one thread each. */
#ifndef MAYFLY_ACCELD_SERVER_H
#define MAYFLY_ACCELD_SERVER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "acceld/tenants/account.h"
#include "acceld/tenants/tenant.h"
#include "acceld/worker/admission.h"
#include "acceld/worker/cancel_watch.h"
#include "acceld/worker/connection.h"
#include "acceld/worker/listeners.h"
#include "util/error.h"

struct served_connection;

struct server_options {
	int control; /* says where to listen (listeners.h); the server's from server_open() on */
	unsigned connections_max;
	int log;		 /* to be kept short; -1: none */
	uint64_t idle_ns;	 /* leave after so long without a connection; 0: stay */
	uint64_t op_limit_ns;	 /* no op may take longer */
	uint64_t memory;	 /* bytes that resources and messages of all connections may take */
	int zygote;		 /* for workers of tenants; -1: none can be had */
	unsigned tenants_max;	 /* such workers at once */
	struct plugins *plugins; /* started before server_run() */
	struct in_flight *in_flight;   /* takes down which ops are under way */
	struct statistics *statistics; /* outlives the server */
};

struct server {
	struct server_options options;
	struct accounts accounts;
	struct listeners listeners;
	struct pollfd *events; /* room for event_room of them */
	size_t event_room;
	struct tenants tenants;
	struct admission admission;
	struct cancel_watch watch;
	struct connection_options connection_options;
	int empty;	       /* eventfd: the last connection has ended */
	int moved;	       /* eventfd: a connection wants another thread */
	pthread_mutex_t mutex; /* protects what follows */
	struct served_connection *connections, *moving;
	bool closing;
	unsigned connection_count; /* also those that are not admitted */
};

/* Clients wait in the listeners' queues until server_run(). Where this fails `control` stays the
 * caller's. */
int server_open(struct server *server, const struct server_options *options, struct error *error);

/* Serves until no client has been there for idle_ns, or a signal arrives at the signalfd
 * `signals`. */
int server_run(struct server *server, int signals, struct error *error);

/* Closes the listeners, ends all connections and waits for their threads, as long as `patience_ns`.
 * False where a thread is still in an op then: the process must end without tearing down what that
 * thread may be using. */
bool server_close(struct server *server, uint64_t patience_ns);

#endif
