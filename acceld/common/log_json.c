/* Lines of the log as JSON; see log_json.h. */
#include "acceld/common/log_json.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "util/log.h"

#define LINE_MAX_BYTES 8192

static const char *program_name; /* NULL: the log is text */

static _Thread_local struct {
	char tenant[64], op[64];
	int64_t session;
} about;

void log_json_set_op(const char *tenant, const char *op, int64_t session)
{
	if (!program_name)
		return;
	snprintf(about.tenant, sizeof(about.tenant), "%s", tenant);
	snprintf(about.op, sizeof(about.op), "%s", op);
	about.session = session;
}

/* The text is printable already (util/log.h); what is left has a meaning in JSON. */
static void put_text(FILE *out, const char *text, size_t length)
{
	fputc('"', out);
	for (size_t i = 0; i < length; i++) {
		if (text[i] == '"' || text[i] == '\\')
			fputc('\\', out);
		fputc((unsigned char)text[i] < ' ' ? ' ' : text[i], out);
	}
	fputc('"', out);
}

static void put_member(FILE *out, const char *name, const char *text)
{
	fprintf(out, ",\"%s\":", name);
	put_text(out, text, strlen(text));
}

static void put_time(FILE *out)
{
	struct timespec now;
	struct tm parts;
	char text[32] = "";
	clock_gettime(CLOCK_REALTIME, &now);
	if (gmtime_r(&now.tv_sec, &parts))
		strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &parts);
	fprintf(out, "{\"time\":\"%s.%03ldZ\"", text, now.tv_nsec / 1000000);
}

static void write_line(enum log_level level, char *text, size_t length)
{
	static const char *const names[] = {[LOG_ERROR] = "error",
					    [LOG_WARN] = "warning",
					    [LOG_INFO] = "info",
					    [LOG_DEBUG] = "debug"};
	char line[LINE_MAX_BYTES];
	FILE *out = fmemopen(line, sizeof(line), "w");
	if (!out)
		return;
	put_time(out);
	put_member(out, "program", program_name);
	put_member(out, "level", names[level]);
	fputs(",\"message\":", out);
	put_text(out, text, length);
	if (*about.op) {
		put_member(out, "tenant", about.tenant);
		put_member(out, "op", about.op);
		fprintf(out, ",\"session\":%jd", (intmax_t)about.session);
	}
	fputs("}\n", out);
	long written = ftell(out);
	bool whole = !fclose(out) && written > 0 && (size_t)written < sizeof(line);
	/* A log that nobody reads loses lines, and holds up nobody. */
	ssize_t sent = whole ? write(STDERR_FILENO, line, (size_t)written) : 0;
	(void)sent;
}

void log_json_start(const char *program)
{
	program_name = program;
	log_set_writer(write_line);
}
