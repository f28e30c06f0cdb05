/* mayfly logs: what a function wrote to its standard error. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/command/verb.h"
#include "cli/remote/gateway.h"
#include "cli/remote/output.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/clock.h"

#define LINE_MAX_BYTES (4UL << 20)

struct logs_values {
	struct gateway_values gateway;
	bool json, follow, instance;
	uint64_t tail, since_ns;
};

#define TAIL_ALL UINT64_MAX

/* The lines as they come, of which the last may not be whole yet. */
struct lines {
	const struct logs_values *chosen;
	char *text;
	size_t length;
	struct error *error;
};

static void release_lines(struct lines *lines)
{
	free(lines->text);
}

/* A line of a log that is no JSON is shown as it is. */
static void print_line(const struct logs_values *chosen, const char *line, size_t length)
{
	json_t *entry = json_loadb(line, length, JSON_ALLOW_NUL, NULL);
	if (chosen->json || !entry) {
		printf("%.*s\n", (int)length, line);
	} else {
		cleanup_free char *time = output_text(json_object_get(entry, "timestamp"));
		cleanup_free char *text = output_text(json_object_get(entry, "text"));
		cleanup_free char *instance = output_text(json_object_get(entry, "instance"));
		for (size_t end = text ? strlen(text) : 0; end && text[end - 1] == ' '; end--)
			text[end - 1] = 0;
		if (chosen->instance)
			printf("%s %s %s\n", time ? time : "-", instance ? instance : "-",
			       text ? text : "?");
		else
			printf("%s %s\n", time ? time : "-", text ? text : "?");
	}
	json_decref(entry);
}

static int take_lines(void *context, unsigned status, const void *data, size_t length)
{
	struct lines *lines = context;
	if (length > LINE_MAX_BYTES - lines->length)
		return error_set(lines->error, EFBIG, "the gateway sends a line that never ends");
	char *grown = realloc(lines->text, lines->length + length + 1);
	if (!grown)
		return error_set(lines->error, ENOMEM, "no memory for a line");
	memcpy(grown + lines->length, data, length);
	lines->text = grown;
	lines->length += length;
	if (status != 200)
		return 0;
	char *begin = grown, *end;
	while ((end = memchr(begin, '\n', lines->length - (size_t)(begin - grown)))) {
		if (end > begin)
			print_line(lines->chosen, begin, (size_t)(end - begin));
		begin = end + 1;
	}
	lines->length -= (size_t)(begin - grown);
	memmove(grown, begin, lines->length);
	/* Whoever follows wants to see each when it comes. */
	fflush(stdout);
	return ferror(stdout) ? error_set(lines->error, EPIPE, "cannot write to standard output")
			      : 0;
}

static int make_path(const struct gateway *gateway, const struct logs_values *chosen,
		     const char *name, char *path, size_t size)
{
	const char *space = gateway->values->name_space;
	int used = snprintf(path, size, "/system/logs?name=%s&follow=%s", name,
			    chosen->follow ? "true" : "false");
	if (space)
		used += snprintf(path + used, size - (size_t)used, "&namespace=%.200s", space);
	if (chosen->tail != TAIL_ALL)
		used += snprintf(path + used, size - (size_t)used, "&tail=%" PRIu64, chosen->tail);
	if (!chosen->since_ns)
		return 0;
	struct tm parts;
	char when[64];
	time_t since = time(NULL) - (time_t)(chosen->since_ns / NANOSECONDS_PER_SECOND);
	if (!gmtime_r(&since, &parts))
		return -EINVAL;
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &parts);
	snprintf(path + used, size - (size_t)used, "&since=");
	return gateway_escape(path, size, when) ? 0 : -EINVAL;
}

static int logs_run(const void *values, const struct operands *operands, struct error *error)
{
	const struct logs_values *chosen = values;
	cleanup(gateway_release) struct gateway gateway = {0};
	cleanup(http_answer_release) struct http_answer answer = {0};
	cleanup(release_lines) struct lines lines = {.chosen = chosen, .error = error};
	char path[1024];
	const char *name = operands->words[0];
	int result = gateway_check_name(name, "function", error);
	if (!result && strlen(name) > 200)
		result = error_set(error, EINVAL, "no function has so long a name");
	if (!result)
		result = gateway_find(&gateway, &chosen->gateway, NULL, error);
	if (result)
		return result;
	if (make_path(&gateway, chosen, name, path, sizeof(path)))
		return error_set(error, EINVAL, "--since is out of range");
	struct http_call call = {
	    .method = "GET",
	    .patience_ns = chosen->follow ? 0 : chosen->gateway.patience_ns,
	    .piece = take_lines,
	    .context = &lines,
	};
	result = gateway_perform(&gateway, &call, path, true, &answer, error);
	if (!result && answer.status != 200)
		return gateway_tell_status(&gateway, &answer, lines.text, lines.length, error);
	if (!result && lines.length)
		print_line(chosen, lines.text, lines.length);
	return result;
}

static const struct logs_values logs_defaults = {.gateway = GATEWAY_VALUES_USUAL, .tail = TAIL_ALL};

#define VALUES struct logs_values
static const struct option_spec logs_options[] = {
#include "cli/remote/remote_options.def"
    {"follow", 'f', OPTION_FLAG, offsetof(VALUES, follow), NULL,
     "go on with lines that are written later, until interrupted"},
    {"tail", 0, OPTION_COUNT, offsetof(VALUES, tail), "LINES",
     "the last so many lines only (default: all that are kept)", .minimum = 0,
     .maximum = 1000000000},
    {"since", 0, OPTION_DURATION, offsetof(VALUES, since_ns), "TIME",
     "lines that are no older than that, as in 10m", .minimum = NANOSECONDS_PER_SECOND,
     .maximum = 36000000ULL * NANOSECONDS_PER_SECOND},
    {"instance", 0, OPTION_FLAG, offsetof(VALUES, instance), NULL,
     "with the machine that wrote each line"},
    {"json", 0, OPTION_FLAG, offsetof(VALUES, json), NULL, "a JSON object for each line"},
};

const struct verb verb_logs = {
    .name = "logs",
    .summary = "Show what a function wrote to its standard error",
    .usage = "NAME",
    .description = "Shows the lines that a function wrote to its standard error, each with its "
		   "time. The gateway keeps the latest ones.",
    .options = logs_options,
    .option_count = ARRAY_SIZE(logs_options),
    .defaults = &logs_defaults,
    .values_size = sizeof(logs_defaults),
    .least = 1,
    .most = 1,
    .completes = COMPLETE_DEPLOYED,
    .run = logs_run,
};
