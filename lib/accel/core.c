/* Life of the library: bootstrap and cleanup. */
#include "vaccel/core.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "accel/bootstrap.h"
#include "accel/plugin.h"
#include "accel/rundir.h"
#include "accel/state.h"
#include "util/log.h"
#include "vaccel.h"

static void *session_slots[SESSIONS_MAX];
static void *resource_slots[RESOURCES_MAX];

struct accel_state accel_state = {
    .config = {.log_level = VACCEL_LOG_ERROR},
    .sessions = {.lock = PTHREAD_MUTEX_INITIALIZER,
		 .objects = session_slots,
		 .limit = SESSIONS_MAX},
    .resources = {.lock = PTHREAD_MUTEX_INITIALIZER,
		  .objects = resource_slots,
		  .limit = RESOURCES_MAX},
    .rundir_lock = PTHREAD_MUTEX_INITIALIZER,
};

void accel_transport_attach(struct accel_transport *transport)
{
	if (accel_state.transport)
		accel_state.transport->close(accel_state.transport);
	accel_state.transport = transport;
}

/* Takes over `config`, whatever the outcome. */
static int bootstrap(struct vaccel_config *config)
{
	struct accel_state *state = &accel_state;
	if (state->initialized)
		vaccel_cleanup();
	vaccel_config_release(&state->config);
	state->config = *config;
	/* Without its file the log goes to standard error, which it says itself. */
	vaccel_log_init();
	vaccel_info("vAccel %s", VACCEL_VERSION);
	vaccel_config_print_debug(&state->config);

	rundir_choose();
	state->sessions.last = 0;
	state->resources.last = 0;
	/* Plugins use the library from their init() on. */
	state->initialized = true;
	int result = VACCEL_OK;
#ifndef VACCEL_GUEST /* in a guest the plugins are the host's */
	if (state->config.plugins)
		result = vaccel_plugin_parse_and_load(state->config.plugins);
#endif
	if (result) {
		plugins_unload();
		rundir_remove();
		state->initialized = false;
	}
	return result;
}

int vaccel_bootstrap(void)
{
	struct vaccel_config config;
	int result = vaccel_config_init_from_env(&config);
	return result ? result : bootstrap(&config);
}

int vaccel_bootstrap_with_config(struct vaccel_config *config)
{
	struct vaccel_config copy;
	int result = vaccel_config_init_from(&copy, config);
	return result ? result : bootstrap(&copy);
}

static void release_objects(struct accel_state *state)
{
	struct vaccel_session *session;
	vaccel_id_t cursor = 0;
	while ((session = id_table_next(&state->sessions, &cursor, NULL, 0)))
		vaccel_session_release(session);
	struct vaccel_resource *resource;
	cursor = 0;
	while ((resource = id_table_next(&state->resources, &cursor, NULL, 0)))
		vaccel_resource_release(resource);
}

static void shut_down(struct accel_state *state)
{
	plugins_unload();
	accel_transport_attach(NULL);
	rundir_remove();
	state->initialized = false;
	vaccel_log_shutdown();
	vaccel_config_release(&state->config);
}

int vaccel_cleanup(void)
{
	struct accel_state *state = &accel_state;
	if (!state->initialized)
		return VACCEL_OK;
	vaccel_debug("cleaning up");
	release_objects(state);
	shut_down(state);
	return VACCEL_OK;
}

bool vaccel_is_initialized(void)
{
	return accel_state.initialized;
}

const struct vaccel_config *vaccel_config(void)
{
	return &accel_state.config;
}

#ifndef VACCEL_GUEST
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
		shut_down(&accel_state);
}
#endif
