/* The one logger; see log.h. */
#include "util/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/text.h"

enum log_level log_level_now = LOG_WARN;
static const char *log_name = "mayfly";
static int log_descriptor = 2;

static const char *const level_names[] = {
    [LOG_ERROR] = "error", [LOG_WARN] = "warning", [LOG_INFO] = "info", [LOG_DEBUG] = "debug"};

void log_setup(const char *name, enum log_level level)
{
	log_name = name;
	log_level_now = level;
}

void log_set_descriptor(int fd)
{
	log_descriptor = fd;
}

void log_set_level(enum log_level level)
{
	log_level_now = level;
}

/* Of MAYFLY_LOG; 0 where it is no level's name. */
static int level_by_name(const char *name)
{
	if (!strcmp(name, "warn"))
		return LOG_WARN;
	for (int level = LOG_ERROR; level <= LOG_DEBUG; level++)
		if (!strcmp(name, level_names[level]))
			return level;
	return 0;
}

void log_setup_from_environment(const char *name, enum log_level fallback)
{
	const char *wanted = getenv("MAYFLY_LOG");
	int level = wanted ? level_by_name(wanted) : 0;
	log_setup(name, level ? (enum log_level)level : fallback);
	if (wanted && *wanted && !level)
		log_warn("MAYFLY_LOG=%s is no level: it may be error, warn, info or debug", wanted);
}

void log_line(enum log_level level, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	log_line_list(level, format, arguments);
	va_end(arguments);
}

void log_line_list(enum log_level level, const char *format, va_list arguments)
{
	int saved_errno = errno;
	char line[2048];
	int used = snprintf(line, sizeof(line), "%s: %s: ", log_name, level_names[level]);
	int wanted = vsnprintf(line + used, sizeof(line) - (size_t)used - 1, format, arguments);
	size_t length = (size_t)used + (wanted > 0 ? (size_t)wanted : 0);
	if (length > sizeof(line) - 2)
		length = sizeof(line) - 2;
	text_make_printable(line, length);
	line[length++] = '\n';
	/* A log that cannot be written has nowhere to complain. */
	ssize_t written = write(log_descriptor, line, length);
	(void)written;
	errno = saved_errno;
}
