/* The connections of an accelerator host: one thread each. */
#ifndef MAYFLY_ACCELD_SERVER_H
#define MAYFLY_ACCELD_SERVER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "util/budget.h"
#include "util/error.h"

struct connection;
struct ledger;
struct plugins;

struct server_options {
	int listener; /* does not block; the server's from server_open() on */
	unsigned connections_max;
	int log;		 /* to be kept short; -1: none */
	uint64_t idle_ns;	 /* leave after so long without a connection; 0: stay */
	uint64_t op_limit_ns;	 /* no op may take longer */
	uint64_t memory;	 /* bytes that resources and messages of all connections may take */
	struct plugins *plugins; /* started before server_run() */
	struct ledger *ledger;	 /* takes down which ops are under way */
};

struct server {
	struct server_options options;
	struct budget memory;
	int empty;	       /* eventfd: the last connection has ended */
	pthread_mutex_t mutex; /* protects what follows */
	struct connection *connections;
	unsigned connection_count; /* also those that are not admitted */
	unsigned admitted_count;
	pthread_cond_t room; /* one that was admitted has gone */
};

/* Clients wait in the listener's queue until server_run(). Where this fails the listener stays the
 * caller's. */
int server_open(struct server *server, const struct server_options *options, struct error *error);

/* Serves until no client has been there for idle_ns, or a signal arrives at the signalfd
 * `signals`. */
int server_run(struct server *server, int signals, struct error *error);

/* Lets a connection in, now or within moments; false where there are too many. For its own thread.
 */
bool server_admit(struct connection *connection);

/* Closes the listener, ends all connections and waits for their threads, as long as `patience_ns`.
 * False where a thread is still in an op then: the process must end without tearing down what that
 * thread may be using. */
bool server_close(struct server *server, uint64_t patience_ns);

#endif
