/* A monitor at work: what mayfly-monitor does for its front. Words and messages are in
 * channel/channel.h. */
#ifndef MAYFLY_MONITOR_SERVER_H
#define MAYFLY_MONITOR_SERVER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "channel/channel.h"
#include "channel/description.h"
#include "monitor/monitor.h"
#include "monitor/server/broker_client.h"
#include "monitor/server/streams.h"
#include "util/error.h"

/* The request that a slot serves, for who cancels it. */
struct cancelling {
	uint64_t serial;    /* of the request */
	uint64_t cancelled; /* the last one that is not wanted */
	atomic_bool unwanted;
	_Atomic uint64_t signals; /* for its program */
	/* For the program of a request that has not arrived: it comes by another socket. */
	uint64_t early_serial, early_signals;
};

struct server {
	struct description description;
	struct monitor *monitor;
	struct broker_client broker;
	struct trace_out trace;
	pthread_mutex_t lock; /* of what follows */
	bool prepared;	      /* the monitor is, and does not change any more */
	bool has_learned;     /* and the front was told */
	struct cancelling cancelling[CHANNEL_SLOTS_MAX];
};

/* Opens slots and cancels requests as the front says, until it has gone: then the process is to
 * end, and with it all threads. */
void server_run(struct server *server);

/* Starts a thread that serves a slot at that socket, which is the thread's from then on. It is made
 * ready at once, unless it runs the set-up first. 0 or a negative errno. */
int slot_server_start(struct server *server, uint32_t number, int socket, bool for_setup);

/* The slot begins with a request, which may be cancelled already. */
void server_note_request(struct server *server, uint32_t slot, uint64_t serial);

/* The request that the slot serves was cancelled. */
void server_note_unwanted(struct server *server, uint32_t slot);

/* A memory file of what was learned, which is the caller's, the first time that there is something;
 * else -1. */
int server_take_learned(struct server *server);

/* The set-up is over: slots can be opened. */
void server_note_prepared(struct server *server);
bool server_is_prepared(struct server *server);

#endif
