/* The one process-wide state of the library.
 *
 * vAccel's API has no handle for the library itself, so what belongs to it lives here. Written by
 * bootstrap and cleanup only, which no other call may overlap; the tables have locks of their own.
 */
#ifndef MAYFLY_ACCEL_STATE_H
#define MAYFLY_ACCEL_STATE_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

#include "accel/id_table.h"
#include "accel/transport.h"
#include "vaccel/config.h"

#ifdef VACCEL_GUEST
#define SESSIONS_MAX  1024
#define RESOURCES_MAX 2048
#else
/* Eight sessions and 32 resources for each of the accelerator host's 2048 connections. */
#define SESSIONS_MAX  16384
#define RESOURCES_MAX 65536
#endif

struct accel_state {
	bool initialized;
	struct vaccel_config config;
	struct id_table sessions;
	struct id_table resources;
	struct accel_transport *transport; /* of remote sessions; NULL where there is none */
	pthread_mutex_t rundir_lock;
	char rundir[PATH_MAX]; /* "" where there can be none */
	size_t rundir_length;
	pid_t rundir_maker; /* the process that made the directory; 0 while it is not there */
};

extern struct accel_state accel_state;

/* Serves remote sessions by `transport` from now on (NULL: no more), which belongs to the library
 * then; the one before is closed. No remote session may be open. */
void accel_transport_attach(struct accel_transport *transport);

#endif
