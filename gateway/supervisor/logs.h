/* Logs of functions: what their programs wrote to standard error, as lines with the time at which they came.
 *
 * Each monitor writes into a pipe; the event loop reads it. Of each function the last lines are kept in memory,
 * up to LOGS_KEPT bytes; who follows a log gets each line as it comes.
 */
#ifndef MAYFLY_GATEWAY_LOGS_H
#define MAYFLY_GATEWAY_LOGS_H

#include <stddef.h>
#include <stdint.h>

#include "loop/event_loop.h"
#include "util/error.h"

#define LOGS_KEPT 65536

struct logs;
struct log_reader;

struct log_line {
	const char *name_space, *name;
	uint64_t instance; /* the revision */
	uint64_t time_ns;  /* CLOCK_REALTIME */
	const char *text;
	size_t length; /* without the end of line */
};

int logs_create(struct logs **logs, struct event_loop *loop, struct error *error);
void logs_close(struct logs *logs);

/* A pipe for a function's standard error: the descriptor to write to, the caller's; or -1. */
int logs_open(struct logs *logs, const char *name_space, const char *name, uint64_t instance);

/* The function has been removed: its lines go, and who follows it is told that it ends. */
void logs_forget(struct logs *logs, const char *name_space, const char *name);

/* Calls `line` for what is kept: the last `tail` lines (0: all) that came at `since_ns` or later. */
void logs_each(struct logs *logs, const char *name_space, const char *name, uint64_t tail,
	       uint64_t since_ns, void (*line)(void *context, const struct log_line *line),
	       void *context);

/* From now on `line` is called for each line; NULL: the function is gone, and so is the reader afterwards. A
 * reader that is not told to end by that is ended by logs_unfollow(). NULL: no memory. */
struct log_reader *logs_follow(struct logs *logs, const char *name_space, const char *name,
			       void (*line)(void *context, const struct log_line *line),
			       void *context);
void logs_unfollow(struct logs *logs, struct log_reader *reader);

#endif
