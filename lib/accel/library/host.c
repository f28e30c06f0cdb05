/* The host's build of the library: plugins in the process, and a start before main(). */
#include "accel/library/host.h"

#include <stdlib.h>
#include <string.h>

#include "accel/library/bootstrap.h"
#include "accel/library/core.h"
#include "accel/library/in_process.h"
#include "accel/state/build.h"
#include "accel/state/state.h"
#include "accel/transports/socket.h"
#include "download/download.h"
#include "mayfly/results.h"
#include "util/log.h"
#include "util/paths.h"
#include "vaccel.h"

static _Atomic(void *) sessions[HOST_SESSIONS_MAX];
static _Atomic(void *) resources[HOST_RESOURCES_MAX];

static const struct transport_kind *const transports[] = {&transport_socket, NULL};

static int find_rundir(char *path, size_t size, struct error *error)
{
	return paths_runtime(path, size, "vaccel", error);
}

/* A model of some GiB over a slow line may take long, as long as something comes. */
static int fetch(const char *url, int fd, struct error *error)
{
	const struct download_limits limits = {.bytes = 8ULL << 30,
					       .connect_s = 15,
					       .stall_s = 30,
					       .deadline_ns = mayfly_op_deadline_ns()};
	return download_to(url, fd, &limits, error);
}

const struct accel_build accel_build = {
    .in_process = &in_process,
    .transports = transports,
    .sessions = sessions,
    .resources = resources,
    .sessions_max = HOST_SESSIONS_MAX,
    .resources_max = HOST_RESOURCES_MAX,
    .log_file = "/dev/stdout",
    .fetch = fetch,
    .find_rundir = find_rundir,
};

static bool environment_forbids(const char *name)
{
	const char *value = getenv(name);
	return value && !strcmp(value, "0");
}

__attribute__((constructor)) static void library_enter(void)
{
	if (&mayfly_bootstraps_itself || environment_forbids("VACCEL_BOOTSTRAP_ENABLED"))
		return;
	int result = vaccel_bootstrap();
	if (result)
		log_error("libvaccel is not usable: bootstrap failed: %s", strerror(result));
}

/* What the program did not release stays as it is: it may lie on the stack of a main() that has
 * returned. */
__attribute__((destructor)) static void library_leave(void)
{
	if (accel_state.initialized && !environment_forbids("VACCEL_CLEANUP_ENABLED"))
		library_shut_down();
}
