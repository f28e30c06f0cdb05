/* Calls a function when a running op's deadline passes: how a run of a model is cancelled.
 *
 * One thread waits for the earliest of all deadlines. It is started with the first one, so that a
 * process that sets none has no thread.
 */
#ifndef MAYFLY_ONNX_WATCHDOG_H
#define MAYFLY_ONNX_WATCHDOG_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "util/error.h"

struct watchdog_entry {
	uint64_t deadline_ns;	       /* CLOCK_MONOTONIC */
	void (*expire)(void *context); /* runs on the watchdog's thread, with its lock held */
	void *context;
	bool expired;
	struct watchdog_entry *next;
};

struct watchdog {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	pthread_t thread;
	bool running, stopping;
	struct watchdog_entry *entries; /* earliest deadline first */
};

int watchdog_init(struct watchdog *watchdog, struct error *error);
/* No entry may be left. */
void watchdog_release(struct watchdog *watchdog);

/* Starts the thread now, for a process that cannot do so later. */
int watchdog_start(struct watchdog *watchdog, struct error *error);

/* Watches `entry` (its first three members filled in), which must stay in place until
 * watchdog_remove(). Thread-safe. */
int watchdog_add(struct watchdog *watchdog, struct watchdog_entry *entry, struct error *error);

/* Ends that; returns whether the deadline has passed. `expire` does not run after this. */
bool watchdog_remove(struct watchdog *watchdog, struct watchdog_entry *entry);

#endif
