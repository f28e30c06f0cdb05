/* The library's log, also for plugins and programs that use it. */
#ifndef VACCEL_LOG_H
#define VACCEL_LOG_H

#include "export.h"
#include "utils/enum.h"

#ifdef __cplusplus
extern "C" {
#endif

/* clang-format off */
#define VACCEL_LOG_LEVELS(X, prefix) \
	X(prefix, ERROR, 1) \
	X(prefix, WARN, 2) \
	X(prefix, INFO, 3) \
	X(prefix, DEBUG, 4)
/* clang-format on */
VACCEL_ENUM_WITH_NAMES(vaccel_log_level, VACCEL_LOG, VACCEL_LOG_LEVELS)

/* Lines up to this level are written. Set by vaccel_log_init(); read-only for everybody else. */
extern VACCEL_API int vaccel_log_threshold;

/* Writes one line, whatever the threshold says; use the macros below. Thread-safe. */
VACCEL_API void vaccel_log_line(vaccel_log_level_t level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A line above the threshold costs one load and one branch; its arguments are not evaluated. */
#define vaccel_log_at(level, ...)                                                                  \
	do {                                                                                       \
		if (__builtin_expect((int)(level) <= vaccel_log_threshold, 0))                     \
			vaccel_log_line((level), __VA_ARGS__);                                     \
	} while (0)

#define vaccel_fatal(...) vaccel_log_at(VACCEL_LOG_ERROR, __VA_ARGS__)
#define vaccel_error(...) vaccel_log_at(VACCEL_LOG_ERROR, __VA_ARGS__)
#define vaccel_warn(...)  vaccel_log_at(VACCEL_LOG_WARN, __VA_ARGS__)
#define vaccel_info(...)  vaccel_log_at(VACCEL_LOG_INFO, __VA_ARGS__)
#define vaccel_debug(...) vaccel_log_at(VACCEL_LOG_DEBUG, __VA_ARGS__)
#define vaccel_trace(...) vaccel_log_at(VACCEL_LOG_DEBUG, __VA_ARGS__)

/* Applies level and file of the configuration in force (vaccel_config()). Bootstrapping does it;
 * not thread-safe. VACCEL_EIO where the file cannot be opened: lines then go to standard error. */
VACCEL_API int vaccel_log_init(void);

/* Closes the log file, if any; further lines go to standard error. */
VACCEL_API int vaccel_log_shutdown(void);

#ifdef __cplusplus
}
#endif

#endif
