/* The one logger; see log.h. */
#include "util/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/clock.h"
#include "util/file.h"
#include "util/text.h"

enum log_level log_level_now = LOG_WARN;
static const char *log_name = "mayfly";
static int log_descriptor = 2;
static uint64_t log_patience_ns = UINT64_MAX;
static bool log_is_stuck;
static log_writer *log_writer_now;

/* Of the lines that are limited: 0 where none are. */
static uint64_t log_interval_ns, log_burst_ns;
static _Atomic uint64_t log_due_ns; /* when the next line would be due, at that rate */
static atomic_uint log_left_out;    /* since the last line that was written */

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

void log_set_writer(log_writer *writer)
{
	log_writer_now = writer;
}

void log_set_patience(uint64_t nanoseconds)
{
	log_patience_ns = nanoseconds;
	log_is_stuck = false;
}

void log_set_rate(unsigned lines_per_s, unsigned burst)
{
	log_interval_ns = lines_per_s ? NANOSECONDS_PER_SECOND / lines_per_s : 0;
	log_burst_ns = burst * log_interval_ns;
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

/* There is room for one byte more. A log that cannot be written has nowhere to complain. */
static void write_line(char *line, size_t length)
{
	text_make_printable(line, length);
	line[length++] = '\n';
	if (log_patience_ns == UINT64_MAX) {
		ssize_t written = write(log_descriptor, line, length);
		(void)written;
		return;
	}
	uint64_t deadline_ns = log_is_stuck ? 0 : clock_now_ns() + log_patience_ns;
	log_is_stuck = file_write_until(log_descriptor, line, length, deadline_ns) == -ETIMEDOUT;
}

static bool takes_place(void)
{
	uint64_t now_ns = clock_now_ns(), from_ns, due_ns = atomic_load(&log_due_ns);
	do {
		from_ns = due_ns > now_ns ? due_ns : now_ns;
		if (from_ns - now_ns > log_burst_ns) {
			atomic_fetch_add(&log_left_out, 1);
			return false;
		}
	} while (!atomic_compare_exchange_weak(&log_due_ns, &due_ns, from_ns + log_interval_ns));
	return true;
}

__attribute__((format(printf, 2, 0))) static void write_list(enum log_level level,
							     const char *format, va_list arguments)
{
	char line[2048];
	log_writer *writer = log_writer_now;
	int used =
	    writer ? 0 : snprintf(line, sizeof(line), "%s: %s: ", log_name, level_names[level]);
	int wanted = vsnprintf(line + used, sizeof(line) - (size_t)used - 1, format, arguments);
	size_t length = (size_t)used + (wanted > 0 ? (size_t)wanted : 0);
	if (length > sizeof(line) - 2)
		length = sizeof(line) - 2;
	if (writer) {
		text_make_printable(line, length);
		writer(level, line, length);
	} else {
		write_line(line, length);
	}
}

static void __attribute__((format(printf, 2, 3)))
write_one(enum log_level level, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	write_list(level, format, arguments);
	va_end(arguments);
}

void log_line_list(enum log_level level, const char *format, va_list arguments)
{
	int saved_errno = errno;
	bool is_limited = log_interval_ns && level < LOG_DEBUG;
	if (!is_limited || takes_place()) {
		unsigned left_out = is_limited ? atomic_exchange(&log_left_out, 0) : 0;
		if (left_out)
			write_one(LOG_WARN, "%u lines were left out before this: too many at once",
				  left_out);
		write_list(level, format, arguments);
	}
	errno = saved_errno;
}

void log_tell(const char *format, ...)
{
	char line[2048];
	int used = snprintf(line, sizeof(line), "%s: ", log_name);
	va_list arguments;
	va_start(arguments, format);
	int wanted = vsnprintf(line + used, sizeof(line) - (size_t)used - 1, format, arguments);
	va_end(arguments);
	size_t length = (size_t)used + (wanted > 0 ? (size_t)wanted : 0);
	write_line(line, length > sizeof(line) - 2 ? sizeof(line) - 2 : length);
}
