/* mayfly-oci events: what a container uses, once or again and again. */
#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "oci/cgroup/cgroup.h"
#include "oci/commands/command.h"
#include "util/cleanup.h"
#include "util/clock.h"

struct events_values {
	bool once;
	uint64_t interval_ns;
};

static const struct events_values defaults = {.interval_ns = 5 * NANOSECONDS_PER_SECOND};

static const struct option_spec options[] = {
    {"stats", 0, OPTION_FLAG, offsetof(struct events_values, once), NULL, "only once"},
    {"interval", 0, OPTION_DURATION, offsetof(struct events_values, interval_ns), "TIME",
     "how long there is between two", .minimum = 1000000,
     .maximum = 86400 * NANOSECONDS_PER_SECOND},
};

static json_t *number(uint64_t value)
{
	return json_integer(value > INT64_MAX ? INT64_MAX : (json_int_t)value);
}

static json_t *describe_io(const struct oci_cgroup_statistics *use)
{
	json_t *list = json_array();
	for (size_t i = 0; list && i < use->io_count; i++) {
		const struct oci_cgroup_io *io = &use->io[i];
		const uint64_t values[] = {io->read_bytes, io->written_bytes};
		static const char *const words[] = {"Read", "Write"};
		for (size_t j = 0; j < ARRAY_SIZE(values); j++)
			json_array_append_new(list, json_pack("{s:o, s:o, s:s, s:o}", "major",
							      number(io->major), "minor",
							      number(io->minor), "op", words[j],
							      "value", number(values[j])));
	}
	return list;
}

/* In the form of runc, which engines and monitoring read. */
static json_t *describe(const char *id, const struct oci_cgroup_statistics *use)
{
	json_t *cpu = json_pack(
	    "{s:{s:o, s:o, s:o}, s:{s:o, s:o, s:o}}", "usage", "total", number(use->cpu_ns), "user",
	    number(use->cpu_user_ns), "kernel", number(use->cpu_system_ns), "throttling", "periods",
	    number(use->cpu_periods), "throttledPeriods", number(use->cpu_throttled_periods),
	    "throttledTime", number(use->cpu_throttled_ns));
	json_t *memory =
	    json_pack("{s:{s:o, s:o, s:o, s:o}, s:{s:o, s:o}, s:{s:o, s:o, s:o}, s:o}", "usage",
		      "usage", number(use->memory), "max", number(use->memory_peak), "limit",
		      number(use->memory_limit), "failcnt", number(use->memory_failures), "swap",
		      "usage", number(use->swap), "limit", number(use->swap_limit), "raw", "anon",
		      number(use->memory_anonymous), "file", number(use->memory_file), "kernel",
		      number(use->memory_kernel), "oomKills", number(use->oom_kills));
	return json_pack("{s:s, s:s, s:{s:o, s:o, s:{s:o, s:o}, s:{s:o}}}", "type", "stats", "id",
			 id, "data", "cpu", cpu, "memory", memory, "pids", "current",
			 number(use->processes), "limit", number(use->processes_limit), "blkio",
			 "ioServiceBytesRecursive", describe_io(use));
}

static int print_once(const struct container *container, struct error *error)
{
	struct oci_cgroup group = {0};
	struct oci_cgroup_statistics use;
	int result = oci_cgroup_open(container->cgroup, &group, error);
	if (!result)
		result = oci_cgroup_statistics(&group, &use, error);
	oci_cgroup_close(&group);
	if (result)
		return result;
	json_t *tree = describe(container->id, &use);
	cleanup_free char *text = tree ? json_dumps(tree, JSON_COMPACT) : NULL;
	json_decref(tree);
	if (!text)
		return error_set(error, ENOMEM, "no memory for an answer");
	puts(text);
	return fflush(stdout) ? error_set_errno(error, errno, "cannot write") : 0;
}

static int run(const void *values, const struct globals *globals, const struct operands *operands,
	       struct error *error)
{
	const struct events_values *chosen = values;
	const struct timespec interval = clock_timespec(chosen->interval_ns);
	cleanup(container_close) struct container container = CONTAINER_NONE;
	int result = command_open(&container, globals, operands, error);
	if (!result && !container_is_alive(&container))
		return error_set(error, ESRCH, "container %s does not run", container.id);
	while (!result) {
		result = print_once(&container, error);
		if (result || chosen->once)
			return result;
		nanosleep(&interval, NULL);
		if (!container_is_alive(&container))
			return 0;
	}
	return result;
}

const struct command command_events = {
    .name = "events",
    .usage = "ID",
    .summary = "tell what a container uses",
    .options = options,
    .option_count = ARRAY_SIZE(options),
    .defaults = &defaults,
    .values_size = sizeof(struct events_values),
    .least = 1,
    .most = 1,
    .follows = true,
    .run = run,
};
