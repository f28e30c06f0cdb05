/* The one process-wide state of the library.
 *
 * vAccel's API has no handle for the library itself, so what belongs to it lives here. Written by
 * bootstrap and cleanup only, which no other call may overlap; the tables have locks of their own.
 */
#ifndef MAYFLY_ACCEL_STATE_STATE_H
#define MAYFLY_ACCEL_STATE_STATE_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

#include "accel/state/id_table.h"
#include "vaccel/config.h"
#include "vaccel/resource.h"

struct accel_transport;
struct task_runner;

struct accel_state {
	bool initialized;
	struct vaccel_config config;
	struct id_table sessions;
	struct id_table resources;
	/* The live ones in the order of their making, under the locks of those tables. */
	struct vaccel_list_entry all_sessions;
	struct vaccel_list_entry all_resources[VACCEL_RESOURCE_MAX];
	pthread_mutex_t transport_lock;
	struct accel_transport *transport; /* of remote sessions; NULL where there is none */
	bool remote_is_named; /* among the plugins: "rpc", which this library has within itself */
	pthread_mutex_t tasks_lock; /* protects all of mayfly/tasks.h */
	pthread_cond_t tasks_ended; /* a runner */
	struct task_runner *task_runners;
	bool tasks_end;
	pthread_mutex_t rundir_lock;
	char rundir[PATH_MAX]; /* "" where there can be none */
	size_t rundir_length;
	pid_t rundir_maker; /* the process that made the directory; 0 while it is not there */
};

extern struct accel_state accel_state;

#endif
