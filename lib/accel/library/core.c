/* Life of the library: bootstrap and cleanup. */
#include "accel/library/core.h"

#include "accel/ops/profile.h"
#include "accel/state/build.h"
#include "accel/state/list.h"
#include "accel/state/rundir.h"
#include "accel/state/state.h"
#include "accel/transports/transport.h"
#include "util/log.h"
#include "vaccel.h"

static void end_tasks(void)
{
	if (accel_build.in_process)
		accel_build.in_process->end_tasks();
}

static void unload_plugins(void)
{
	if (accel_build.in_process)
		accel_build.in_process->unload();
}

/* Takes over `config`, whatever the outcome. */
static int bootstrap(struct vaccel_config *config)
{
	struct accel_state *state = &accel_state;
	if (state->initialized)
		vaccel_cleanup();
	vaccel_config_release(&state->config);
	state->config = *config;
	/* Without its file the log goes to standard output, which it says itself. */
	vaccel_log_init();
	log_info("vAccel %s", VACCEL_VERSION);
	vaccel_config_print_debug(&state->config);

	rundir_choose();
	id_table_begin(&state->sessions, accel_build.sessions, accel_build.sessions_max);
	id_table_begin(&state->resources, accel_build.resources, accel_build.resources_max);
	list_init(&state->all_sessions);
	for (size_t type = 0; type < VACCEL_RESOURCE_MAX; type++)
		list_init(&state->all_resources[type]);
	/* Plugins use the library from their init() on. */
	state->initialized = true;
	int result = VACCEL_OK;
	if (state->config.plugins && accel_build.in_process)
		result = accel_build.in_process->load(state->config.plugins);
	if (result) {
		unload_plugins();
		rundir_remove();
		state->initialized = false;
	}
	return result;
}

int vaccel_bootstrap(void)
{
	struct vaccel_config config;
	log_setup("vaccel", log_level_now);
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
	while ((session = id_table_next(&state->sessions, &cursor)))
		vaccel_session_release(session);
	struct vaccel_resource *resource;
	cursor = 0;
	while ((resource = id_table_next(&state->resources, &cursor)))
		vaccel_resource_release(resource);
}

void library_shut_down(void)
{
	end_tasks();
	unload_plugins();
	transport_attach(NULL);
	rundir_remove();
	accel_state.initialized = false;
	op_profile_print();
	vaccel_log_shutdown();
	vaccel_config_release(&accel_state.config);
}

int vaccel_cleanup(void)
{
	if (!accel_state.initialized)
		return VACCEL_OK;
	log_debug("cleaning up");
	end_tasks();
	release_objects(&accel_state);
	library_shut_down();
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
