/* mayfly acceld: which accelerator hosts run, and ending them. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accel_client/host_list.h"
#include "cli/command/verb.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/host_settings.h"
#include "util/json_text.h"
#include "util/paths.h"

/* A worker waits 5 s for requests under way, and its supervisor waits 10 s for the worker. */
#define STOP_LIMIT_NS (15 * NANOSECONDS_PER_SECOND)

struct acceld_values {
	bool json, all;
};

/* Each line of `settings` on a line of its own. */
static void print_settings(const char *settings)
{
	if (!*settings)
		puts("  settings: the defaults");
	while (*settings) {
		size_t length = strcspn(settings, "\n");
		printf("  %.*s\n", (int)length, settings);
		settings += length + (settings[length] == '\n');
	}
}

static void print_host(const struct host_entry *host)
{
	if (!host->process) {
		printf("%s does not run; the first op of a function starts it\n", host->name);
		return;
	}
	printf("%s runs as process %d%s\n  socket: %s\n", host->name, host->process,
	       host->own ? "" : ", for other settings than those in force here", host->path);
	print_settings(host->settings);
}

static json_t *describe_settings(const char *settings)
{
	json_t *list = json_array();
	while (*settings) {
		size_t length = strcspn(settings, "\n");
		json_array_append_new(list, json_text_of(settings, length));
		settings += length + (settings[length] == '\n');
	}
	return list;
}

/* The settings in force here: what the host for them has, or would have. */
static int print_json(const struct host_list *list, struct error *error)
{
	cleanup_free char *own = NULL;
	int result = host_settings_describe(&own, error);
	if (result)
		return result;
	json_t *hosts = json_array();
	bool whole = true;
	for (size_t i = 0; i < list->count; i++) {
		const struct host_entry *host = &list->entries[i];
		if (host->process)
			whole &= !json_array_append_new(
			    hosts,
			    json_pack("{s:o, s:I, s:o, s:b, s:o}", "name", json_text(host->name),
				      "process", (json_int_t)host->process, "socket",
				      json_text(host->path), "own", host->own, "settings",
				      describe_settings(host->settings)));
	}
	json_t *report = json_pack("{s:o, s:o, s:o, s:o}", "name", json_text(list->entries[0].name),
				   "socket", json_text(list->entries[0].path), "settings",
				   describe_settings(own), "hosts", hosts);
	result = report && whole ? json_dumpf(report, stdout, JSON_INDENT(2)) : -1;
	json_decref(report);
	if (result)
		return error_set(error, EIO, "cannot write the list as JSON");
	putchar('\n');
	return 0;
}

/* Exit status 1 where the host for these settings does not run: scripts want to know. */
static int show_status(bool json, struct error *error)
{
	cleanup(host_list_release) struct host_list list = {0};
	int result = host_list_read(&list, error);
	if (!result && json)
		result = print_json(&list, error);
	for (size_t i = 0; !result && !json && i < list.count; i++)
		print_host(&list.entries[i]);
	return result ? result : !list.entries[0].process;
}

static int stop_one(const struct host_entry *host, struct error *error)
{
	int result = host_entry_stop(host, clock_now_ns() + STOP_LIMIT_NS, error);
	if (!result)
		printf("%s has ended\n", host->name);
	return result;
}

/* Finds a host by its name, or by the path of its socket. */
static int stop_named(const char *name, struct error *error)
{
	char path[PATH_MAX], file[NAME_MAX + 1];
	cleanup(host_entry_release) struct host_entry host = {0};
	if ((size_t)snprintf(file, sizeof(file), "%s.sock", name) >= sizeof(file))
		return error_set(error, ENAMETOOLONG, "stop: the name is too long");
	int result = 0;
	if (strchr(name, '/'))
		result = (size_t)snprintf(path, sizeof(path), "%s", name) >= sizeof(path);
	else
		result = paths_runtime(path, sizeof(path), file, error);
	if (!result)
		result = host_entry_read(&host, path, error);
	if (!result && !host.process)
		return error_set(error, ESRCH,
				 "no accelerator host '%.64s' runs: mayfly acceld status lists "
				 "those that do",
				 name);
	return result ? result : stop_one(&host, error);
}

/* ESRCH: no host runs, which is what the user wants. */
static int stop_own(struct error *error)
{
	cleanup(host_list_release) struct host_list list = {0};
	int result = host_list_read(&list, error);
	if (result)
		return result;
	if (list.entries[0].process)
		return stop_one(&list.entries[0], error);
	printf("%s does not run\n", list.entries[0].name);
	for (size_t i = 1; i < list.count; i++)
		printf("%s runs for other settings: end it by mayfly acceld stop %s\n",
		       list.entries[i].name, list.entries[i].name);
	return 0;
}

static int stop_all(struct error *error)
{
	cleanup(host_list_release) struct host_list list = {0};
	int result = host_list_read(&list, error);
	size_t stopped = 0;
	for (size_t i = 0; !result && i < list.count; i++) {
		if (!list.entries[i].process)
			continue;
		result = stop_one(&list.entries[i], error);
		stopped++;
	}
	if (!result && !stopped)
		puts("no accelerator host runs");
	return result;
}

static int stop(const struct acceld_values *chosen, const struct operands *names,
		struct error *error)
{
	if (chosen->all && names->count)
		return error_set(error, EINVAL, "stop: give names or --all, not both");
	if (chosen->all)
		return stop_all(error);
	if (!names->count)
		return stop_own(error);
	int result = 0;
	for (size_t i = 0; !result && i < names->count; i++)
		result = stop_named(names->words[i], error);
	return result;
}

static const struct verb_word acceld_words[] = {
    {"status", "", "tell which accelerator hosts run, and with which settings (the default)", 0, 0},
    {"stop", "[NAME...]", "end the named ones, or the one for the settings of this command", 0,
     OPERANDS_ANY, COMPLETE_HOSTS},
};

static int acceld_run(const void *values, const struct operands *operands, struct error *error)
{
	const struct acceld_values *chosen = values;
	const char *word = operands->count ? operands->words[0] : "status";
	const struct operands names = {operands->words + 1,
				       operands->count ? operands->count - 1 : 0};
	if (chosen->json && strcmp(word, "status") != 0)
		return error_set(error, EINVAL, "%s: --json is for status", word);
	if (!strcmp(word, "stop"))
		return stop(chosen, &names, error);
	if (chosen->all)
		return error_set(error, EINVAL, "status lists all: --all is for stop");
	return show_status(chosen->json, error);
}

static const struct acceld_values acceld_defaults = {0};

static const struct option_spec acceld_options[] = {
    {"json", 0, OPTION_FLAG, offsetof(struct acceld_values, json), NULL, "status as JSON"},
    {"all", 0, OPTION_FLAG, offsetof(struct acceld_values, all), NULL,
     "with stop: end all accelerator hosts of the run-time directory"},
};

const struct verb verb_acceld = {
    .name = "acceld",
    .summary = "Tell which accelerator hosts run, or stop them",
    .usage = "[status | stop [NAME...]]",
    .description =
	"An accelerator host, mayfly-acceld, does the accelerated work of all functions of a "
	"user. The first op of a function starts it. It ends when nobody has been connected "
	"for a minute.\n"
	"An accelerator host keeps the settings of the command that started it: "
	"MAYFLY_MODEL_DETECT and the like, the cache, VACCEL_PLUGINS, and the other "
	"variables that the manual page lists. A command with other settings gets a host of "
	"its own.\n"
	"status exits with 1 if no host runs for the settings of this command. stop waits "
	"until the host has ended; ops that run then have five seconds to finish.",
    .options = acceld_options,
    .option_count = ARRAY_SIZE(acceld_options),
    .defaults = &acceld_defaults,
    .values_size = sizeof(acceld_defaults),
    .words = acceld_words,
    .word_count = ARRAY_SIZE(acceld_words),
    .word_optional = true,
    .run = acceld_run,
};
