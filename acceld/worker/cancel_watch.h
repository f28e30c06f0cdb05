/* Notices that a caller gives its op up while it waits or runs: it hangs up, or sends a
 * WIRE_PACKET_CANCEL. One thread watches the sockets of all connections that have such an op; the
 * connections' own threads are busy with it. */
#ifndef MAYFLY_ACCELD_CANCEL_WATCH_H
#define MAYFLY_ACCELD_CANCEL_WATCH_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "util/error.h"

struct mayfly_op_stop;
struct cancel_entry;

struct cancel_watch {
	int epoll;
	int ending; /* eventfd */
	bool running;
	pthread_t thread;
	pthread_mutex_t lock; /* of what follows */
	struct cancel_entry *entries;
	uint64_t last_number;
};

/* An op. The caller fills in the first three. */
struct cancel_entry {
	int socket;
	uint64_t tag; /* of its CALL */
	struct mayfly_op_stop *stop;
	uint64_t number; /* 0: it is not watched */
	unsigned others; /* CANCELs of other calls that came meanwhile */
	struct cancel_entry *next, *previous;
};

int cancel_watch_open(struct cancel_watch *watch, struct error *error);

/* Starts the thread. 0 or a negative errno: ops go on to their end then. */
int cancel_watch_start(struct cancel_watch *watch, struct error *error);

/* No op may be watched any more. */
void cancel_watch_close(struct cancel_watch *watch);

/* From now on mayfly_op_stop(entry->stop) is called where its caller gives the op up. Thread-safe,
 * and so is the next one. */
void cancel_watch_begin(struct cancel_watch *watch, struct cancel_entry *entry);

/* Ends that; returns when nothing is called any more. */
void cancel_watch_end(struct cancel_watch *watch, struct cancel_entry *entry);

#endif
