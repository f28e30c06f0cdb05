/* What a user can choose about the library. */
#ifndef VACCEL_CONFIG_H
#define VACCEL_CONFIG_H

#include <stdbool.h>

#include "export.h"
#include "log.h"

#ifdef __cplusplus
extern "C" {
#endif

struct vaccel_config {
	char *plugins; /* "a:b": paths or names of plugins to load; NULL: none. Owned */
	vaccel_log_level_t log_level;
	/* Lines go to "<log_file>-YYYY-MM-DD.log"; for "/dev/stderr" and "/dev/stdout" they go
	 * there. NULL: standard output, in a guest standard error. Owned. */
	char *log_file;
	bool profiling_enabled;
	bool version_ignore; /* load plugins of whatever vAccel version */
};

/* Fills a configuration; strings are copied (NULL is allowed). */
VACCEL_API int vaccel_config_init(struct vaccel_config *config, const char *plugins,
				  vaccel_log_level_t log_level, const char *log_file,
				  bool profiling_enabled, bool version_ignore);

/* Reads VACCEL_PLUGINS, VACCEL_LOG_LEVEL (1 to 4), VACCEL_LOG_FILE, VACCEL_PROFILING_ENABLED and
 * VACCEL_VERSION_IGNORE. A value that makes no sense is warned about and takes the default. */
VACCEL_API int vaccel_config_init_from_env(struct vaccel_config *config);

VACCEL_API int vaccel_config_init_from(struct vaccel_config *config,
				       struct vaccel_config *config_src);

/* Frees what the configuration owns. */
VACCEL_API int vaccel_config_release(struct vaccel_config *config);

/* The same on the heap; vaccel_config_delete() frees it. */
VACCEL_API int vaccel_config_new(struct vaccel_config **config, const char *plugins,
				 vaccel_log_level_t log_level, const char *log_file,
				 bool profiling_enabled, bool version_ignore);
VACCEL_API int vaccel_config_from_env(struct vaccel_config **config);
VACCEL_API int vaccel_config_from(struct vaccel_config **config, struct vaccel_config *config_src);
VACCEL_API int vaccel_config_delete(struct vaccel_config *config);

/* Writes the configuration to the log at debug level. */
VACCEL_API void vaccel_config_print_debug(struct vaccel_config *config);

#ifdef __cplusplus
}
#endif

#endif
