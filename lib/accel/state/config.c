/* The library's configuration, from the caller or from the environment. */
#include "vaccel/config.h"

#include <stdlib.h>
#include <string.h>

#include "util/log.h"
#include "vaccel/error.h"

static int copy_string(char **out, const char *text)
{
	*out = NULL;
	if (!text)
		return VACCEL_OK;
	*out = strdup(text);
	return *out ? VACCEL_OK : VACCEL_ENOMEM;
}

int vaccel_config_init(struct vaccel_config *config, const char *plugins,
		       vaccel_log_level_t log_level, const char *log_file, bool profiling_enabled,
		       bool version_ignore)
{
	if (!config)
		return VACCEL_EINVAL;
	struct vaccel_config fresh = {
	    .log_level = log_level,
	    .profiling_enabled = profiling_enabled,
	    .version_ignore = version_ignore,
	};
	int result = copy_string(&fresh.plugins, plugins);
	if (!result)
		result = copy_string(&fresh.log_file, log_file);
	if (result) {
		free(fresh.plugins);
		return result;
	}
	*config = fresh;
	return VACCEL_OK;
}

/* A variable under its name or its name of old; NULL where neither is set to something. What is
 * said about the environment does not depend on the log's level, which comes from there. */
static const char *environment(const char *name, const char *old_name)
{
	const char *value = getenv(name);
	if (!value && old_name) {
		value = getenv(old_name);
		if (value)
			log_tell("%s is a name of old: use %s", old_name, name);
	}
	return value && *value ? value : NULL;
}

static long environment_number(const char *name, const char *old_name, long least, long most,
			       long fallback)
{
	const char *value = environment(name, old_name);
	if (!value)
		return fallback;
	char *end;
	long number = strtol(value, &end, 10);
	if (*end || number < least || number > most) {
		log_tell("%s=%s is no number from %ld to %ld: taking %ld", name, value, least, most,
			 fallback);
		return fallback;
	}
	return number;
}

int vaccel_config_init_from_env(struct vaccel_config *config)
{
	long level = environment_number("VACCEL_LOG_LEVEL", "VACCEL_DEBUG_LEVEL", VACCEL_LOG_ERROR,
					VACCEL_LOG_DEBUG, VACCEL_LOG_ERROR);
	bool profiling = environment_number("VACCEL_PROFILING_ENABLED", NULL, 0, 1, 0);
	bool ignore = environment_number("VACCEL_VERSION_IGNORE", "VACCEL_IGNORE_VERSION", 0, 1, 0);
	return vaccel_config_init(config, environment("VACCEL_PLUGINS", "VACCEL_BACKENDS"),
				  (vaccel_log_level_t)level, environment("VACCEL_LOG_FILE", NULL),
				  profiling, ignore);
}

int vaccel_config_init_from(struct vaccel_config *config, struct vaccel_config *config_src)
{
	if (!config || !config_src)
		return VACCEL_EINVAL;
	return vaccel_config_init(config, config_src->plugins, config_src->log_level,
				  config_src->log_file, config_src->profiling_enabled,
				  config_src->version_ignore);
}

int vaccel_config_release(struct vaccel_config *config)
{
	if (!config)
		return VACCEL_EINVAL;
	free(config->plugins);
	free(config->log_file);
	*config = (struct vaccel_config){.log_level = VACCEL_LOG_ERROR};
	return VACCEL_OK;
}

/* Hands out a heap object that was filled with `result`, or frees it. */
static int hand_out(struct vaccel_config **out, struct vaccel_config *config, int result)
{
	if (result)
		free(config);
	else
		*out = config;
	return result;
}

int vaccel_config_new(struct vaccel_config **config, const char *plugins,
		      vaccel_log_level_t log_level, const char *log_file, bool profiling_enabled,
		      bool version_ignore)
{
	if (!config)
		return VACCEL_EINVAL;
	struct vaccel_config *fresh = malloc(sizeof(*fresh));
	if (!fresh)
		return VACCEL_ENOMEM;
	return hand_out(config, fresh,
			vaccel_config_init(fresh, plugins, log_level, log_file, profiling_enabled,
					   version_ignore));
}

int vaccel_config_from_env(struct vaccel_config **config)
{
	if (!config)
		return VACCEL_EINVAL;
	struct vaccel_config *fresh = malloc(sizeof(*fresh));
	if (!fresh)
		return VACCEL_ENOMEM;
	return hand_out(config, fresh, vaccel_config_init_from_env(fresh));
}

int vaccel_config_from(struct vaccel_config **config, struct vaccel_config *config_src)
{
	if (!config || !config_src)
		return VACCEL_EINVAL;
	struct vaccel_config *fresh = malloc(sizeof(*fresh));
	if (!fresh)
		return VACCEL_ENOMEM;
	return hand_out(config, fresh, vaccel_config_init_from(fresh, config_src));
}

int vaccel_config_delete(struct vaccel_config *config)
{
	int result = vaccel_config_release(config);
	free(config);
	return result;
}

void vaccel_config_print_debug(struct vaccel_config *config)
{
	if (!config)
		return;
	log_debug("configuration: plugins %s, log level %s, log file %s, profiling %s, "
		  "plugins' versions %s",
		  config->plugins ? config->plugins : "none",
		  vaccel_log_level_to_base_str(config->log_level),
		  config->log_file ? config->log_file : "none",
		  config->profiling_enabled ? "on" : "off",
		  config->version_ignore ? "ignored" : "checked");
}
