/* The supervisor's side of the courier. */
#ifndef MAYFLY_GATEWAY_COURIER_CLIENT_H
#define MAYFLY_GATEWAY_COURIER_CLIENT_H

#include <pthread.h>

#include "courier/courier.h"
#include "courier/courier_wire.h"
#include "util/spawn.h"

struct order {
	struct order *next;
	uint64_t id;
	uint64_t offset; /* its block */
	uint64_t
	    deadline_ns; /* CLOCK_MONOTONIC: a process that has not answered until then hangs */
	courier_done *done;
	void *context;
};

/* One process. For the courier's thread; `socket` also for who sends, under the lock. */
struct courier_process {
	struct spawn_process process;
	int socket; /* -1: there is none now */
	struct arena_view view;
};

struct courier {
	struct record settings;
	size_t arena_size;
	struct arena *arena; /* the supervisor's own, for all processes */
	int arena_file;
	pthread_t thread;
	bool useful; /* the thread's: the process has answered something */
	int wake;    /* an eventfd: it is to stop */

	pthread_mutex_t lock; /* of all below */
	bool stopping;
	uint64_t last_id, restarts;
	struct order *orders;
	struct courier_process process;
};

#define COURIER_PROCESS_NONE ((struct courier_process){.process = SPAWN_PROCESS_NONE, .socket = -1})

/* client_process.c */
int courier_process_start(const struct courier *courier, struct courier_process *process,
			  struct error *error);
void courier_process_end(struct courier_process *process);

#endif
