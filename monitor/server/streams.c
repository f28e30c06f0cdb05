/* The streams of a function; see streams.h. */
#include "monitor/server/streams.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "channel/channel.h"
#include "util/file.h"
#include "util/lock.h"

static bool is_same_file(int one, int other)
{
	struct stat first, second;
	return !fstat(one, &first) && !fstat(other, &second) && first.st_dev == second.st_dev &&
	       first.st_ino == second.st_ino;
}

void trace_out_init(struct trace_out *trace, int fd)
{
	pthread_mutex_init(&trace->lock, NULL);
	trace->length = 0;
	trace->incomplete = false;
	trace->fd = fd >= 0 && is_same_file(fd, CHANNEL_LOG) ? CHANNEL_LOG : fd;
}

/* The caller has the lock. */
static void write_out(struct trace_out *trace, const char *text, size_t length,
		      uint64_t deadline_ns)
{
	if (file_write_until(trace->fd, text, length, deadline_ns))
		trace->incomplete = true;
}

static void flush(struct trace_out *trace, uint64_t deadline_ns)
{
	write_out(trace, trace->buffer, trace->length, deadline_ns);
	trace->length = 0;
}

void trace_out_add(struct trace_out *trace, const char *line, size_t length, uint64_t deadline_ns)
{
	lock_scoped(&trace->lock);
	if (length > sizeof(trace->buffer) - trace->length)
		flush(trace, deadline_ns);
	if (trace->fd == CHANNEL_LOG || length > sizeof(trace->buffer)) {
		write_out(trace, line, length, deadline_ns);
		return;
	}
	memcpy(trace->buffer + trace->length, line, length);
	trace->length += length;
}

void trace_out_finish(struct trace_out *trace, uint64_t deadline_ns)
{
	if (trace->fd < 0)
		return;
	lock_scoped(&trace->lock);
	flush(trace, deadline_ns);
}

bool trace_out_is_cut(struct trace_out *trace)
{
	if (trace->fd < 0)
		return false;
	lock_scoped(&trace->lock);
	const bool cut = trace->incomplete;
	trace->incomplete = false;
	return cut;
}

void streams_log(void *context, const void *data, size_t length, uint64_t deadline_ns)
{
	(void)context;
	file_write_until(CHANNEL_LOG, data, length, deadline_ns);
}
