#include "worker/access_log.h"

#include <assert.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "api/time_text.h"
#include "util/clock.h"
#include "util/utf8.h"

/* A pipe takes as much whole, and at once where it is ready for writing. */
#define LINE_MAX_BYTES PIPE_BUF
/* Of a path or query, and of other texts; longer ones are cut off. Escaped, each byte may become six. */
#define TEXT_MAX  220
#define SHORT_MAX 48

static_assert(6 * (2 * TEXT_MAX + 3 * SHORT_MAX) + 300 < LINE_MAX_BYTES,
	      "a line is never too long");

void access_log_open(struct access_log *log, int fd)
{
	struct stat status;
	*log = (struct access_log){.fd = fd, .may_block = true};
	if (fstat(fd, &status))
		return;
	log->wanted = !(S_ISCHR(status.st_mode) && status.st_rdev == makedev(1, 3));
	log->may_block = !S_ISREG(status.st_mode);
}

/* Writes a JSON string of at most `limit` bytes of `text`. What is no UTF-8 becomes U+FFFD. */
static char *put_text(char *out, const char *text, size_t limit)
{
	char copy[TEXT_MAX + 1];
	utf8_copy(copy, limit + 1, text, strnlen(text, limit));
	*out++ = '"';
	for (const char *at = copy; *at; at++)
		if ((unsigned char)*at < ' ' || *at == 0x7f || *at == '"' || *at == '\\')
			out += sprintf(out, "\\u%04x", (unsigned char)*at);
		else
			*out++ = *at;
	*out++ = '"';
	return out;
}

static char *put_member(char *out, const char *name, const char *text, size_t limit)
{
	out += sprintf(out, ",\"%s\":", name);
	return put_text(out, text, limit);
}

static size_t format(char *line, const struct access_entry *entry)
{
	char time[TIME_TEXT_SIZE];
	time_text_format(entry->time_ns, time);
	char *out = line + sprintf(line, "{\"time\":\"%s\"", time);
	out = put_member(out, "client", entry->client, SHORT_MAX);
	out = put_member(out, "method", entry->method, SHORT_MAX);
	out = put_member(out, "path", entry->path, TEXT_MAX);
	if (entry->query)
		out = put_member(out, "query", entry->query, TEXT_MAX);
	if (*entry->call_id)
		out = put_member(out, "call", entry->call_id, SHORT_MAX);
	out += sprintf(out,
		       ",\"status\":%u,\"received\":%" PRIu64 ",\"sent\":%" PRIu64
		       ",\"seconds\":%" PRIu64 ".%06u}\n",
		       entry->status, entry->received, entry->sent,
		       (uint64_t)(entry->total_ns / NANOSECONDS_PER_SECOND),
		       (unsigned)(entry->total_ns % NANOSECONDS_PER_SECOND / 1000));
	return (size_t)(out - line);
}

void access_log_write(struct access_log *log, const struct access_entry *entry)
{
	char line[LINE_MAX_BYTES];
	struct pollfd ready = {.fd = log->fd, .events = POLLOUT};
	if (!log->wanted)
		return;
	const size_t length = format(line, entry);
	if (log->may_block && (poll(&ready, 1, 0) != 1 || !(ready.revents & POLLOUT)))
		log->dropped++;
	else if (write(log->fd, line, length) != (ssize_t)length)
		log->dropped++;
}
