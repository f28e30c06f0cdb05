/* The streams of a function, which its monitor has as its own: standard input, output and error,
 * and the file for a trace. */
#ifndef MAYFLY_MONITOR_STREAMS_H
#define MAYFLY_MONITOR_STREAMS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STREAMS_TRACE_SIZE 65536

/* Lines of a trace on their way to its file. Thread-safe. */
struct trace_out {
	int fd; /* -1: nobody wants one */
	pthread_mutex_t lock;
	bool incomplete; /* some were not taken in time */
	size_t length;
	char buffer[STREAMS_TRACE_SIZE];
};

void trace_out_init(struct trace_out *trace, int fd);

/* Adds a line. What goes to standard error is written at once: it has its place between the
 * program's own lines. */
void trace_out_add(struct trace_out *trace, const char *line, size_t length, uint64_t deadline_ns);

/* Whether lines were lost since the last time that somebody asked. */
bool trace_out_is_cut(struct trace_out *trace);

/* Writes what is left. */
void trace_out_finish(struct trace_out *trace, uint64_t deadline_ns);

/* Takes a part of the program's standard error. One that cannot be written does not fail the
 * request. */
void streams_log(void *context, const void *data, size_t length, uint64_t deadline_ns);

#endif
