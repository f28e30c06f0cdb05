#include "supervisor/logs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "util/clock.h"

#define LINE_MAX_BYTES 8192 /* longer ones are cut into several */
#define READ_BYTES     16384

struct kept_line {
	struct kept_line *next;
	uint64_t instance, time_ns;
	size_t length;
	char text[];
};

struct log_reader {
	struct log_reader *next;
	void (*line)(void *context, const struct log_line *line);
	void *context;
};

/* Of one function. */
struct function_log {
	struct function_log *next;
	char *name_space, *name;
	struct kept_line *first, **end;
	size_t kept;
	struct log_reader *readers;
};

/* Of one monitor. */
struct log_pipe {
	struct log_pipe *next;
	struct logs *logs;
	struct function_log *log;
	struct event_loop_watch *watch;
	int fd;
	uint64_t instance;
	size_t length;
	char line[LINE_MAX_BYTES];
};

struct logs {
	struct event_loop *loop;
	struct function_log *functions;
	struct log_pipe *pipes;
};

int logs_create(struct logs **logs, struct event_loop *loop, struct error *error)
{
	*logs = calloc(1, sizeof(**logs));
	if (!*logs)
		return error_set(error, ENOMEM, "no memory for logs");
	(*logs)->loop = loop;
	return 0;
}

/* ── lines ───────────────────────────────────────────────────────────────────────────────────── */

static void drop_first(struct function_log *log)
{
	struct kept_line *line = log->first;
	log->first = line->next;
	if (!log->first)
		log->end = &log->first;
	log->kept -= sizeof(*line) + line->length;
	free(line);
}

static void tell(const struct function_log *log, const struct kept_line *kept,
		 void (*told)(void *context, const struct log_line *line), void *context)
{
	const struct log_line line = {
	    .name_space = log->name_space,
	    .name = log->name,
	    .instance = kept->instance,
	    .time_ns = kept->time_ns,
	    .text = kept->text,
	    .length = kept->length,
	};
	told(context, &line);
}

static void add_line(struct function_log *log, uint64_t instance, const char *text, size_t length)
{
	struct kept_line *line = malloc(sizeof(*line) + length + 1);
	if (!line)
		return;
	*line =
	    (struct kept_line){.instance = instance, .time_ns = clock_real_ns(), .length = length};
	memcpy(line->text, text, length);
	line->text[length] = 0;
	*log->end = line;
	log->end = &line->next;
	log->kept += sizeof(*line) + length;
	for (struct log_reader *reader = log->readers, *next; reader; reader = next) {
		next = reader->next;
		tell(log, line, reader->line, reader->context);
	}
	while (log->kept > LOGS_KEPT && log->first != line)
		drop_first(log);
}

/* ── pipes ───────────────────────────────────────────────────────────────────────────────────── */

static void close_pipe(struct log_pipe *pipe)
{
	struct logs *logs = pipe->logs;
	struct log_pipe **link = &logs->pipes;
	while (*link != pipe)
		link = &(*link)->next;
	*link = pipe->next;
	event_loop_unwatch(logs->loop, pipe->watch);
	close(pipe->fd);
	free(pipe);
}

static void take_bytes(struct log_pipe *pipe, const char *data, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		if (data[i] != '\n')
			pipe->line[pipe->length++] = data[i];
		if (data[i] == '\n' || pipe->length == sizeof(pipe->line)) {
			if (pipe->log)
				add_line(pipe->log, pipe->instance, pipe->line, pipe->length);
			pipe->length = 0;
		}
	}
}

static void hear(void *context, uint32_t events)
{
	struct log_pipe *pipe = context;
	char data[READ_BYTES];
	const ssize_t length = read(pipe->fd, data, sizeof(data));
	if (length > 0) {
		take_bytes(pipe, data, (size_t)length);
		return;
	}
	if (length < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (pipe->length)
		take_bytes(pipe, "\n", 1);
	close_pipe(pipe);
}

static struct function_log *find_log(const struct logs *logs, const char *name_space,
				     const char *name)
{
	struct function_log *log = logs->functions;
	while (log && (strcmp(log->name, name) || strcmp(log->name_space, name_space)))
		log = log->next;
	return log;
}

static struct function_log *make_log(struct logs *logs, const char *name_space, const char *name)
{
	struct function_log *log = find_log(logs, name_space, name);
	if (log)
		return log;
	log = calloc(1, sizeof(*log));
	if (!log)
		return NULL;
	*log = (struct function_log){
	    .next = logs->functions, .name_space = strdup(name_space), .name = strdup(name)};
	log->end = &log->first;
	if (!log->name_space || !log->name) {
		free(log->name_space);
		free(log->name);
		free(log);
		return NULL;
	}
	logs->functions = log;
	return log;
}

int logs_open(struct logs *logs, const char *name_space, const char *name, uint64_t instance)
{
	int ends[2];
	struct function_log *log = make_log(logs, name_space, name);
	struct log_pipe *pipe = calloc(1, sizeof(*pipe));
	if (!log || !pipe || pipe2(ends, O_CLOEXEC)) {
		free(pipe);
		return -1;
	}
	*pipe = (struct log_pipe){
	    .next = logs->pipes, .logs = logs, .log = log, .fd = ends[0], .instance = instance};
	/* Only this end: that of the program waits where it must. */
	fcntl(pipe->fd, F_SETFL, O_NONBLOCK);
	if (event_loop_watch(logs->loop, pipe->fd, EPOLLIN, hear, pipe, &pipe->watch, NULL)) {
		close(ends[0]);
		close(ends[1]);
		free(pipe);
		return -1;
	}
	logs->pipes = pipe;
	return ends[1];
}

/* ── readers ─────────────────────────────────────────────────────────────────────────────────── */

void logs_each(struct logs *logs, const char *name_space, const char *name, uint64_t tail,
	       uint64_t since_ns, void (*told)(void *context, const struct log_line *line),
	       void *context)
{
	const struct function_log *log = find_log(logs, name_space, name);
	uint64_t count = 0, skip;
	if (!log)
		return;
	for (const struct kept_line *line = log->first; line; line = line->next)
		count += line->time_ns >= since_ns;
	skip = tail && count > tail ? count - tail : 0;
	for (const struct kept_line *line = log->first; line; line = line->next) {
		if (line->time_ns < since_ns)
			continue;
		if (skip)
			skip--;
		else
			tell(log, line, told, context);
	}
}

struct log_reader *logs_follow(struct logs *logs, const char *name_space, const char *name,
			       void (*told)(void *context, const struct log_line *line),
			       void *context)
{
	struct function_log *log = make_log(logs, name_space, name);
	struct log_reader *reader = log ? calloc(1, sizeof(*reader)) : NULL;
	if (!reader)
		return NULL;
	*reader = (struct log_reader){.next = log->readers, .line = told, .context = context};
	log->readers = reader;
	return reader;
}

void logs_unfollow(struct logs *logs, struct log_reader *reader)
{
	for (struct function_log *log = logs->functions; log; log = log->next)
		for (struct log_reader **link = &log->readers; *link; link = &(*link)->next)
			if (*link == reader) {
				*link = reader->next;
				free(reader);
				return;
			}
}

/* ── their end ───────────────────────────────────────────────────────────────────────────────── */

static void free_log(struct logs *logs, struct function_log **link)
{
	struct function_log *log = *link;
	*link = log->next;
	while (log->readers) {
		struct log_reader *reader = log->readers;
		log->readers = reader->next;
		reader->line(reader->context, NULL);
		free(reader);
	}
	for (struct log_pipe *pipe = logs->pipes; pipe; pipe = pipe->next)
		if (pipe->log == log)
			pipe->log = NULL;
	while (log->first)
		drop_first(log);
	free(log->name_space);
	free(log->name);
	free(log);
}

void logs_forget(struct logs *logs, const char *name_space, const char *name)
{
	for (struct function_log **link = &logs->functions; *link; link = &(*link)->next)
		if (!strcmp((*link)->name, name) && !strcmp((*link)->name_space, name_space)) {
			free_log(logs, link);
			return;
		}
}

void logs_close(struct logs *logs)
{
	if (!logs)
		return;
	while (logs->pipes)
		close_pipe(logs->pipes);
	while (logs->functions)
		free_log(logs, &logs->functions);
	free(logs);
}
