/* Bringing up libvaccel and its plugins; see plugins.h. */
#include "plugins.h"

#include <stdlib.h>

#include "mayfly/results.h"
#include "util/clock.h"
#include "util/lock.h"
#include "util/log.h"
#include "vaccel.h"

#define RETRY_NS NANOSECONDS_PER_SECOND

int plugins_start(struct plugins *plugins, struct error *error)
{
	*plugins = (struct plugins){.lock = PTHREAD_MUTEX_INITIALIZER};
	const char *wanted = getenv("VACCEL_PLUGINS");
	/* Levels have the same numbers here and there. */
	struct vaccel_config config;
	int result = vaccel_config_init(&config, wanted, (vaccel_log_level_t)log_level_now, NULL,
					false, false);
	if (result)
		return error_set_errno(error, result, "cannot configure libvaccel");
	result = vaccel_bootstrap_with_config(&config);
	vaccel_config_release(&config);
	if (result && wanted && *wanted)
		return error_set_errno(error, result,
				       "cannot load all of VACCEL_PLUGINS=%s (acceld.log in the "
				       "run-time directory tells more)",
				       wanted);
	if (result)
		return error_set_errno(error, result, "cannot start libvaccel");
	if (wanted && *wanted)
		return 0;
	result = vaccel_plugin_parse_and_load("onnx");
	if (result) {
		atomic_store(&plugins->engine_missing, true);
		plugins->engine_is_late = true;
		plugins->tried_ns = clock_now_ns();
		log_error("the plugin onnx cannot be loaded: no models can be run until it can be");
	}
	result = vaccel_plugin_parse_and_load("noop");
	if (result && plugins->engine_missing) {
		vaccel_cleanup();
		return error_set_errno(
		    error, result,
		    "neither plugin can be loaded, onnx or noop; run make, or set "
		    "VACCEL_PLUGINS to their paths");
	}
	return 0;
}

static bool find_engine(struct plugins *plugins)
{
	lock_scoped(&plugins->lock);
	uint64_t now_ns = clock_now_ns();
	if (!atomic_load(&plugins->engine_missing))
		return true;
	if (now_ns - plugins->tried_ns < RETRY_NS)
		return false;
	plugins->tried_ns = now_ns;
	if (vaccel_plugin_parse_and_load("onnx"))
		return false;
	log_warn("the plugin onnx has been loaded now");
	atomic_store(&plugins->engine_missing, false);
	return true;
}

int plugins_admit(struct plugins *plugins, uint32_t *flags)
{
	if (*flags & VACCEL_PLUGIN_DEBUG)
		return VACCEL_OK;
	if (atomic_load(&plugins->engine_missing) && !find_engine(plugins)) {
		mayfly_op_set_reason("the accelerator host has no plugin that runs models: "
				     "\"mayfly doctor\" tells what is missing");
		return VACCEL_ENODEV;
	}
	/* libvaccel prefers the plugin that was loaded first where flags name no kind, and that is
	 * noop if onnx came late. */
	if (plugins->engine_is_late)
		*flags |= VACCEL_PLUGIN_GENERIC;
	return VACCEL_OK;
}

void plugins_stop(struct plugins *plugins)
{
	vaccel_cleanup();
	pthread_mutex_destroy(&plugins->lock);
}
