/* Bringing up libvaccel and its plugins; see plugins.h. */
#include "acceld/common/plugins.h"

#include "accel/plugins/plugin.h"
#include "mayfly/results.h"
#include "util/clock.h"
#include "util/host_settings.h"
#include "util/lock.h"
#include "util/log.h"
#include "vaccel.h"

#define RETRY_NS NANOSECONDS_PER_SECOND

int plugins_start(struct plugins *plugins, struct error *error)
{
	*plugins = (struct plugins){.lock = PTHREAD_MUTEX_INITIALIZER};
	const char *wanted = host_setting(HOST_PLUGINS);
	/* Both logs number their levels alike. */
	struct vaccel_config config;
	int result = vaccel_config_init(&config, wanted, (vaccel_log_level_t)log_level_now,
					"/dev/stderr", false, false);
	if (result)
		return error_set_errno(error, result, "cannot configure libvaccel");
	result = vaccel_bootstrap_with_config(&config);
	vaccel_config_release(&config);
	if (result && wanted)
		return error_set_errno(error, result,
				       "cannot load all of VACCEL_PLUGINS=%s (the log of the "
				       "accelerator host in the run-time directory tells more)",
				       wanted);
	if (result)
		return error_set_errno(error, result, "cannot start libvaccel");
	mayfly_plugins_share_ops(true);
	if (wanted)
		return 0;
	result = mayfly_plugins_load_listed();
	if (result == VACCEL_ENODEV) {
		atomic_store(&plugins->awaited, true);
		plugins->tried_ns = clock_now_ns();
		log_error("a plugin that runs models cannot be loaded: no models can be run until "
			  "it can be");
	} else if (result) {
		vaccel_cleanup();
		return error_set_errno(error, result,
				       "no plugin can be loaded; run make, or set VACCEL_PLUGINS "
				       "to the paths of some");
	}
	return 0;
}

static bool find_awaited(struct plugins *plugins)
{
	lock_scoped(&plugins->lock);
	uint64_t now_ns = clock_now_ns();
	if (!atomic_load(&plugins->awaited))
		return true;
	if (now_ns - plugins->tried_ns < RETRY_NS)
		return false;
	plugins->tried_ns = now_ns;
	if (mayfly_plugins_load_listed())
		return false;
	log_warn("the plugin that runs models has been loaded now");
	atomic_store(&plugins->awaited, false);
	return true;
}

int plugins_admit(struct plugins *plugins, uint32_t flags)
{
	if ((flags & VACCEL_PLUGIN_DEBUG) || !atomic_load(&plugins->awaited) ||
	    find_awaited(plugins))
		return VACCEL_OK;
	mayfly_op_set_reason("the accelerator host has no plugin that runs models: "
			     "\"mayfly doctor\" tells what is missing");
	return VACCEL_ENODEV;
}

void plugins_stop(struct plugins *plugins)
{
	vaccel_cleanup();
	pthread_mutex_destroy(&plugins->lock);
}
