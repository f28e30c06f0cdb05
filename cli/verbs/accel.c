/* mayfly accel: what the accelerator host does: its tenants, its models, its ops. */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "accel_statistics/host_statistics.h"
#include "cli/command/verb.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/host_settings.h"
#include "util/json_text.h"

struct accel_values {
	bool json, once;
	const char *socket;
	uint64_t interval_ns;
};

static const char *const phase_names[MAYFLY_PHASES] = {[MAYFLY_PHASE_QUEUE] = "queue",
						       [MAYFLY_PHASE_INPUT] = "input",
						       [MAYFLY_PHASE_COMPUTE] = "compute",
						       [MAYFLY_PHASE_OUTPUT] = "output"};

/* ── asking ──────────────────────────────────────────────────────────────────────────────────── */

static int read_host(const struct accel_values *chosen, struct host_statistics *statistics,
		     struct error *error)
{
	char path[PATH_MAX];
	*statistics = (struct host_statistics){0};
	int result = chosen->socket ? (size_t)snprintf(path, sizeof(path), "%s", chosen->socket) >=
					  sizeof(path)
				    : host_settings_path(path, sizeof(path), ".sock", error);
	if (result)
		return result < 0 ? result : error_set(error, ENAMETOOLONG, "path too long");
	cleanup_close int key = host_statistics_open_key(path, false, error);
	if (key == -ENOENT)
		return error_set(error, ESRCH,
				 "no accelerator host runs at %s: the first op of a "
				 "function starts it",
				 path);
	if (key < 0)
		return key;
	result = host_statistics_read(path, key, statistics, error);
	return result ? error_wrap(error, "%s", path) : 0;
}

/* ── for people ──────────────────────────────────────────────────────────────────────────────── */

static const char *format_bytes(uint64_t bytes, char text[16])
{
	static const char units[] = "BKMGT";
	size_t unit = 0;
	double value = (double)bytes;
	for (; value >= 1024 && unit < sizeof(units) - 2; unit++)
		value /= 1024;
	snprintf(text, 16, unit && value < 10 ? "%.1f%c" : "%.0f%c", value, units[unit]);
	return text;
}

static void print_tenants(const struct host_statistics *statistics)
{
	char memory[16], models[16], process[24];
	printf("%-20s %8s %6s %11s %8s %9s %6s %8s %8s\n", "TENANT", "PROCESS", "WEIGHT",
	       "CONNECTIONS", "SESSIONS", "RESOURCES", "OPS", "MEMORY", "MODELS");
	for (uint32_t i = 0; i < statistics->head->tenants; i++) {
		const struct mayfly_tenant_statistics *tenant = &statistics->tenants[i];
		snprintf(process, sizeof(process), "%" PRId64, tenant->process);
		printf("%-20s %8s %6" PRIu32 " %11" PRIu32 " %8" PRIu32 " %9" PRIu32 " %6" PRIu32
		       " %8s %8s\n",
		       tenant->name, tenant->process > 0 ? process : "-", tenant->weight,
		       tenant->connections, tenant->sessions, tenant->resources,
		       tenant->ops_in_flight, format_bytes(tenant->memory, memory),
		       format_bytes(tenant->model_memory, models));
	}
}

static void print_models(const struct host_statistics *statistics)
{
	char memory[16];
	printf("\n%-32s %8s %6s %10s %6s\n", "MODEL", "MEMORY", "DEVICE", "USES", "NOW");
	for (uint32_t i = 0; i < statistics->head->models; i++) {
		const struct mayfly_loaded_model *model = &statistics->models[i];
		printf("%-32s %8s %6s %10" PRIu64 " %6" PRIu32 "\n", model->name,
		       format_bytes(model->bytes, memory), model->on_gpu ? "gpu" : "cpu",
		       model->uses, model->users);
	}
	if (!statistics->head->models)
		puts("none is loaded");
}

/* What an op was before, if the worker is the same. */
static const struct mayfly_op_statistics *find_series(const struct host_statistics *statistics,
						      const struct mayfly_op_statistics *wanted)
{
	for (uint32_t i = 0; statistics->head && i < statistics->head->series; i++) {
		const struct mayfly_op_statistics *each = &statistics->series[i];
		if (!strcmp(each->tenant, wanted->tenant) && !strcmp(each->model, wanted->model) &&
		    !strcmp(each->op, wanted->op))
			return each;
	}
	return NULL;
}

/* What has been added since `before`, which may be NULL. */
static struct mayfly_op_statistics subtract(const struct mayfly_op_statistics *series,
					    const struct mayfly_op_statistics *before)
{
	struct mayfly_op_statistics more = *series;
	if (!before || before->count > series->count)
		return more;
	more.count -= before->count;
	more.errors -= before->errors;
	for (int phase = 0; phase < MAYFLY_PHASES; phase++)
		more.sum_ns[phase] -= before->sum_ns[phase];
	return more;
}

static void print_series(const struct mayfly_op_statistics *more, double seconds)
{
	printf("%-20s %-20s %-24s %9.1f %8.1f", more->op, more->tenant,
	       *more->model ? more->model : "-", (double)more->count / seconds,
	       (double)more->errors / seconds);
	for (int phase = 0; phase < MAYFLY_PHASES; phase++)
		printf(" %9.3f", (double)more->sum_ns[phase] / (double)more->count / 1e6);
	putchar('\n');
}

static void print_ops(const struct host_statistics *now, const struct host_statistics *before)
{
	bool same = before->head && before->head->up_ns < now->head->up_ns;
	double seconds = (double)(now->head->up_ns - (same ? before->head->up_ns : 0)) / 1e9;
	printf("\n%-20s %-20s %-24s %9s %8s %9s %9s %9s %9s\n", "OP", "TENANT", "MODEL", "OPS/S",
	       "ERRORS/S", "QUEUE MS", "INPUT MS", "COMP. MS", "OUTPUT MS");
	for (uint32_t i = 0; i < now->head->series; i++) {
		const struct mayfly_op_statistics *series = &now->series[i];
		const struct mayfly_op_statistics more =
		    subtract(series, same ? find_series(before, series) : NULL);
		if (more.count)
			print_series(&more, seconds);
	}
}

/* ── for programs ────────────────────────────────────────────────────────────────────────────── */

static json_t *describe_tenant(const struct mayfly_tenant_statistics *tenant)
{
	return json_pack("{s:o, s:I, s:i, s:i, s:i, s:i, s:i, s:i, s:I, s:I}", "name",
			 json_text(tenant->name), "process", (json_int_t)tenant->process, "weight",
			 (int)tenant->weight, "connections", (int)tenant->connections, "sessions",
			 (int)tenant->sessions, "resources", (int)tenant->resources, "sent_models",
			 (int)tenant->sent_models, "ops_in_flight", (int)tenant->ops_in_flight,
			 "memory", (json_int_t)tenant->memory, "model_memory",
			 (json_int_t)tenant->model_memory);
}

static json_t *describe_model(const struct mayfly_loaded_model *model)
{
	return json_pack("{s:o, s:I, s:s, s:I, s:i}", "name", json_text(model->name), "memory",
			 (json_int_t)model->bytes, "device", model->on_gpu ? "gpu" : "cpu", "uses",
			 (json_int_t)model->uses, "users", (int)model->users);
}

static json_t *describe_series(const struct mayfly_op_statistics *series)
{
	json_t *phases = json_object();
	for (int phase = 0; phase < MAYFLY_PHASES; phase++) {
		json_t *buckets = json_array();
		for (int i = 0; i < MAYFLY_BUCKETS; i++)
			json_array_append_new(buckets,
					      json_integer((json_int_t)series->buckets[phase][i]));
		json_object_set_new(phases, phase_names[phase],
				    json_pack("{s:I, s:o}", "sum_ns",
					      (json_int_t)series->sum_ns[phase], "buckets",
					      buckets));
	}
	return json_pack("{s:o, s:o, s:o, s:I, s:I, s:o}", "op", json_text(series->op), "tenant",
			 json_text(series->tenant), "model", json_text(series->model), "count",
			 (json_int_t)series->count, "errors", (json_int_t)series->errors, "phases",
			 phases);
}

static int print_json(const struct host_statistics *statistics, bool ops, struct error *error)
{
	const struct mayfly_statistics *head = statistics->head;
	json_t *tenants = json_array(), *models = json_array(), *series = json_array();
	for (uint32_t i = 0; i < head->tenants; i++)
		json_array_append_new(tenants, describe_tenant(&statistics->tenants[i]));
	for (uint32_t i = 0; i < head->models; i++)
		json_array_append_new(models, describe_model(&statistics->models[i]));
	for (uint32_t i = 0; ops && i < head->series; i++)
		json_array_append_new(series, describe_series(&statistics->series[i]));
	json_t *report =
	    json_pack("{s:I, s:I, s:I, s:o, s:o}", "up_ns", (json_int_t)head->up_ns, "memory",
		      (json_int_t)head->memory, "memory_limit", (json_int_t)head->memory_limit,
		      "tenants", tenants, "models", models);
	if (ops)
		json_object_set_new(report, "ops", series);
	else
		json_decref(series);
	int result = report ? json_dumpf(report, stdout, JSON_INDENT(ops ? 0 : 2)) : -1;
	json_decref(report);
	if (result)
		return error_set(error, EIO, "cannot write JSON");
	putchar('\n');
	return fflush(stdout) ? error_set_errno(error, errno, "cannot write") : 0;
}

/* ── the words ───────────────────────────────────────────────────────────────────────────────── */

static int list(const struct accel_values *chosen, struct error *error)
{
	cleanup(host_statistics_release) struct host_statistics statistics;
	int result = read_host(chosen, &statistics, error);
	if (result || !statistics.head)
		return result;
	if (chosen->json)
		return print_json(&statistics, false, error);
	print_tenants(&statistics);
	print_models(&statistics);
	return 0;
}

static int show(const struct accel_values *chosen, const struct host_statistics *now,
		const struct host_statistics *before, struct error *error)
{
	if (chosen->json)
		return print_json(now, true, error);
	if (!chosen->once && isatty(STDOUT_FILENO))
		fputs("\033[H\033[2J", stdout);
	print_tenants(now);
	print_models(now);
	print_ops(now, before);
	return fflush(stdout) ? error_set_errno(error, errno, "cannot write") : 0;
}

static void pause_ns(uint64_t ns)
{
	const struct timespec until = clock_timespec(clock_now_ns() + ns);
	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
}

/* Until it is interrupted, or the host has gone. */
static int watch(const struct accel_values *chosen, struct error *error)
{
	cleanup(host_statistics_release) struct host_statistics before = {0};
	for (;;) {
		struct host_statistics now;
		int result = read_host(chosen, &now, error);
		if (!result && now.head)
			result = show(chosen, &now, &before, error);
		host_statistics_release(&before);
		before = now;
		if (result || chosen->once)
			return result;
		pause_ns(chosen->interval_ns);
	}
}

static const struct verb_word accel_words[] = {
    {"ls", "", "list tenants with what they hold, and models that are loaded (the default)", 0, 0},
    {"top", "", "show which ops run, how often, and where their time goes", 0, 0},
};

static int accel_run(const void *values, const struct operands *operands, struct error *error)
{
	const struct accel_values *chosen = values;
	bool top = operands->count && !strcmp(operands->words[0], "top");
	if (chosen->once && !top)
		return error_set(error, EINVAL, "ls: --once is for top");
	return top ? watch(chosen, error) : list(chosen, error);
}

static const struct accel_values accel_defaults = {.interval_ns = 2 * NANOSECONDS_PER_SECOND};

static const struct option_spec accel_options[] = {
    {"json", 0, OPTION_FLAG, offsetof(struct accel_values, json), NULL, "as JSON"},
    {"once", 0, OPTION_FLAG, offsetof(struct accel_values, once), NULL,
     "with top: show once what there is since the host's worker started, and end"},
    {"interval", 0, OPTION_DURATION, offsetof(struct accel_values, interval_ns), "TIME",
     "with top: how often it is shown", .minimum = 100000000,
     .maximum = 3600 * NANOSECONDS_PER_SECOND},
    {"socket", 0, OPTION_STRING, offsetof(struct accel_values, socket), "PATH",
     "the accelerator host at this socket, and not the one for the settings of this command",
     .takes_file = true},
};

const struct verb verb_accel = {
    .name = "accel",
    .summary = "Show what an accelerator host does",
    .usage = "[ls | top]",
    .description =
	"An accelerator host does the accelerated work of all functions of a user, and of the "
	"tenants in its configuration. ls lists tenants, with what they hold now, and the "
	"models that are loaded. top shows every two seconds which ops ran since, by tenant and "
	"model, and how long they spent on average waiting for others, taking their inputs "
	"apart, computing, and putting results together.\n"
	"Only the user of a host gets to see this. mayfly acceld tells which hosts run.",
    .options = accel_options,
    .option_count = ARRAY_SIZE(accel_options),
    .defaults = &accel_defaults,
    .values_size = sizeof(accel_defaults),
    .words = accel_words,
    .word_count = ARRAY_SIZE(accel_words),
    .word_optional = true,
    .run = accel_run,
};
