/* The library's log, also for plugins and programs that use it. */
#ifndef VACCEL_LOG_H
#define VACCEL_LOG_H

#include "../slog.h"
#include "export.h"
#include "utils/enum.h"

#ifdef __cplusplus
extern "C" {
#endif

/* clang-format off */
#define VACCEL_LOG_LEVEL_ENUM_LIST(ITEM) \
	ITEM(ERROR, 1, VACCEL_LOG) \
	ITEM(WARN, 2, VACCEL_LOG) \
	ITEM(INFO, 3, VACCEL_LOG) \
	ITEM(DEBUG, 4, VACCEL_LOG)
/* clang-format on */
VACCEL_ENUM_DEF_WITH_STR_FUNCS(vaccel_log_level, VACCEL_LOG, VACCEL_LOG_LEVEL_ENUM_LIST)

/* Errors and fatal ones are always written; debug and trace lines are of one level. */
#define vaccel_fatal slog_fatal
#define vaccel_error slog_error
#define vaccel_warn  slog_warn
#define vaccel_info  slog_info
#define vaccel_debug slog_debug
#define vaccel_trace slog_trace

/* Applies level and file of the configuration in force (vaccel_config()); bootstrapping does it.
 * VACCEL_EIO where the file cannot be opened: lines then go to standard output. */
VACCEL_API int vaccel_log_init(void);

/* Closes the log file, if any. */
VACCEL_API int vaccel_log_shutdown(void);

#ifdef __cplusplus
}
#endif

#endif
