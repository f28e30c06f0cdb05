/* Bringing up libvaccel and the plugins that do the work. */
#ifndef MAYFLY_ACCELD_PLUGINS_H
#define MAYFLY_ACCELD_PLUGINS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "util/error.h"

struct plugins {
	pthread_mutex_t lock; /* of a further attempt */
	atomic_bool awaited;  /* a plugin that others wait for could not be loaded yet */
	uint64_t tried_ns;    /* when it was attempted last (CLOCK_MONOTONIC) */
};

/* Loads what VACCEL_PLUGINS names, or else those whose descriptions say so (docs/plugins.md), which
 * share their ops. Where one that is awaited cannot be loaded then, the host still serves, and
 * plugins_admit() tries again. `plugins` outlives all connections. */
int plugins_start(struct plugins *plugins, struct error *error);

/* Whether a session with these vAccel flags may be opened. While a plugin that is awaited is missing,
 * only sessions that ask for plugins for debugging (VACCEL_PLUGIN_DEBUG) are let in, whose answers
 * must not pass for results: VACCEL_ENODEV for all others. A call that finds it missing looks for it
 * again, once a second at most: somebody may have installed it. Thread-safe. */
int plugins_admit(struct plugins *plugins, uint32_t flags);

/* No session may be alive any more. */
void plugins_stop(struct plugins *plugins);

#endif
