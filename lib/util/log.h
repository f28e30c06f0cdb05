/* The one logger: levelled lines on standard error, or in a file.
 *
 * A line below the current level costs one load and one branch; its arguments are not evaluated.
 * Thread-safe: each line is one write(2).
 */
#ifndef MAYFLY_UTIL_LOG_H
#define MAYFLY_UTIL_LOG_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_ERROR = 1, LOG_WARN = 2, LOG_INFO = 3, LOG_DEBUG = 4 };

/* The program's name in front of each line, and the level up to which lines are written. Not
 * thread-safe; call before threads start. `name` must outlive the logger. */
void log_setup(const char *name, enum log_level level);

/* Lines go to this descriptor from now on (default 2). The logger does not own it. */
void log_set_descriptor(int fd);

/* Lines go to this function from now on, and not to the descriptor; NULL: back. It gets the text
 * without the program's name, printable, and without the end of the line. For libraries whose
 * programs expect another form. */
typedef void log_writer(enum log_level level, char *text, size_t length);
void log_set_writer(log_writer *writer);

/* How long a line waits, in nanoseconds, until somebody takes it (default: for ever). After a line
 * that waited in vain, the next ones are dropped unless they are taken at once. */
void log_set_patience(uint64_t nanoseconds);

/* From now on at most so many lines a second, and `burst` more at once, but for debug lines; how many
 * were left out is said before the next one. 0: all, as at the beginning. For processes whose lines
 * somebody else may cause as often as he likes. Not thread-safe, as log_setup(). */
void log_set_rate(unsigned lines_per_s, unsigned burst);

/* A line without a level, for whoever uses the command. */
void log_tell(const char *format, ...) __attribute__((format(printf, 1, 2)));

void log_set_level(enum log_level level);

/* log_setup() with the level that MAYFLY_LOG names (error, warn, info, debug); with `fallback`
 * where that is unset, empty, or no level, about which there is a line. */
void log_setup_from_environment(const char *name, enum log_level fallback);

extern enum log_level log_level_now;

void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* As log_line(), for functions that take a format themselves. */
void log_line_list(enum log_level level, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));

#define log_at(level, ...)                                                                         \
	do {                                                                                       \
		if (__builtin_expect((level) <= log_level_now, 0))                                 \
			log_line((level), __VA_ARGS__);                                            \
	} while (0)

#define log_error(...) log_at(LOG_ERROR, __VA_ARGS__)
#define log_warn(...)  log_at(LOG_WARN, __VA_ARGS__)
#define log_info(...)  log_at(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_at(LOG_DEBUG, __VA_ARGS__)

#endif
