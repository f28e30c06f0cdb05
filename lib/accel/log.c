/* The API's log: the project's logger with the levels and the file of vAccel's configuration. */
#include "vaccel/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "accel/state.h"
#include "util/log.h"
#include "vaccel/error.h"

_Static_assert((int)VACCEL_LOG_ERROR == (int)LOG_ERROR && (int)VACCEL_LOG_WARN == (int)LOG_WARN &&
		   (int)VACCEL_LOG_INFO == (int)LOG_INFO && (int)VACCEL_LOG_DEBUG == (int)LOG_DEBUG,
	       "the levels of both loggers are the same numbers");

int vaccel_log_threshold = VACCEL_LOG_ERROR;

/* The open log file; -1: standard error. */
static int log_file = -1;

void vaccel_log_line(vaccel_log_level_t level, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	log_line_list((enum log_level)level, format, arguments);
	va_end(arguments);
}

int vaccel_log_init(void)
{
	const struct vaccel_config *config = &accel_state.config;
	vaccel_log_shutdown();
	vaccel_log_threshold = (int)config->log_level;
	log_setup("vaccel", (enum log_level)config->log_level);
	if (!config->log_file)
		return VACCEL_OK;

	time_t now = time(NULL);
	struct tm today;
	localtime_r(&now, &today);
	char path[PATH_MAX];
	int length = snprintf(path, sizeof(path), "%s-%04d-%02d-%02d.log", config->log_file,
			      today.tm_year + 1900, today.tm_mon + 1, today.tm_mday);
	if (length < 0 || (size_t)length >= sizeof(path))
		return VACCEL_ENAMETOOLONG;
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (fd < 0) {
		log_error("cannot open log file %s: %s; writing to standard error", path,
			  strerror(errno));
		return VACCEL_EIO;
	}
	log_file = fd;
	log_set_descriptor(fd);
	return VACCEL_OK;
}

int vaccel_log_shutdown(void)
{
	log_set_descriptor(STDERR_FILENO);
	if (log_file >= 0)
		close(log_file);
	log_file = -1;
	return VACCEL_OK;
}
