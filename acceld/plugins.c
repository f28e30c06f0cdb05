/* Bringing up libvaccel and its plugins; see plugins.h. */
#include "plugins.h"

#include <stdlib.h>

#include "util/log.h"
#include "vaccel.h"

int plugins_start(bool *engine_missing, struct error *error)
{
	*engine_missing = false;
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
		return error_set_errno(error, result, "cannot load the plugins VACCEL_PLUGINS=%s",
				       wanted);
	if (result)
		return error_set_errno(error, result, "cannot start libvaccel");
	if (wanted && *wanted)
		return 0;
	result = vaccel_plugin_parse_and_load("onnx");
	if (result) {
		*engine_missing = true;
		log_error("the plugin onnx cannot be loaded: no models can be run");
	}
	result = vaccel_plugin_parse_and_load("noop");
	if (result && *engine_missing) {
		vaccel_cleanup();
		return error_set_errno(
		    error, result,
		    "neither plugin can be loaded, onnx or noop; run make, or set "
		    "VACCEL_PLUGINS to their paths");
	}
	return 0;
}

void plugins_stop(void)
{
	vaccel_cleanup();
}
