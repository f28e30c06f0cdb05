/* The accelerator host's socket and its connections: one thread each. */
#ifndef MAYFLY_ACCELD_SERVER_H
#define MAYFLY_ACCELD_SERVER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "util/budget.h"
#include "util/error.h"

struct connection;
struct plugins;

struct server_options {
	const char *socket_path; /* outlives the server; "<socket_path>.lock" is its lock file */
	unsigned connections_max;
	int log;		 /* to be kept short; -1: none */
	uint64_t idle_ns;	 /* leave after so long without a connection; 0: stay */
	uint64_t op_limit_ns;	 /* no op may take longer */
	uint64_t memory;	 /* bytes that resources and messages of all connections may take */
	struct plugins *plugins; /* started before server_run() */
};

struct server {
	struct server_options options;
	int lock, listener;
	struct budget memory;
	int empty;	       /* eventfd: the last connection has ended */
	pthread_mutex_t mutex; /* protects what follows */
	struct connection *connections;
	unsigned connection_count;
};

/* Takes the lock and listens: from now on clients can connect, and wait for server_run().
 * -EADDRINUSE where another host has the lock. */
int server_open(struct server *server, const struct server_options *options, struct error *error);

/* Serves until no client has been there for idle_ns, or a signal arrives at the signalfd
 * `signals`. */
int server_run(struct server *server, int signals, struct error *error);

/* Removes the socket, lets the lock go, ends all connections and waits for their threads, as long
 * as `patience_ns`. False where a thread is still in an op then: the process must end without
 * tearing down what that thread may be using. */
bool server_close(struct server *server, uint64_t patience_ns);

#endif
