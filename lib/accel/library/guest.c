/* The guest's build of the library: plugins are on the host, and are reached through the window. */
#include <errno.h>
#include <stdio.h>

#include "accel/state/build.h"
#include "accel/transports/transport.h"

#define GUEST_SESSIONS_MAX  1024
#define GUEST_RESOURCES_MAX 2048

static _Atomic(void *) sessions[GUEST_SESSIONS_MAX];
static _Atomic(void *) resources[GUEST_RESOURCES_MAX];

static const struct transport_kind *const transports[] = {&transport_window, NULL};

/* A guest's files are its own. */
static int find_rundir(char *path, size_t size, struct error *error)
{
	int length = snprintf(path, size, "/tmp/vaccel");
	if (length < 0 || (size_t)length >= size)
		return error_set(error, ENAMETOOLONG, "no room for the name of a directory");
	return 0;
}

const struct accel_build accel_build = {
    .transports = transports,
    .sessions = sessions,
    .resources = resources,
    .sessions_max = GUEST_SESSIONS_MAX,
    .resources_max = GUEST_RESOURCES_MAX,
    .log_file = "/dev/stderr",
    .find_rundir = find_rundir,
};
