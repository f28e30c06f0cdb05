/* mayfly-oci ps: the processes in a container's control group. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "oci/cgroup/cgroup.h"
#include "oci/commands/command.h"
#include "util/cleanup.h"
#include "util/file.h"
#include "util/text.h"

enum { FORMAT_TABLE, FORMAT_JSON };

static const char *const formats[] = {[FORMAT_TABLE] = "table", [FORMAT_JSON] = "json", NULL};

struct ps_values {
	int format;
};

static const struct option_spec options[] = {
    {"format", 'f', OPTION_CHOICE, offsetof(struct ps_values, format), "FORMAT",
     "how to print them", .choices = formats},
};

static void print_one(pid_t pid)
{
	char path[64], name[64] = "";
	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	cleanup_fclose FILE *file = fopen(path, "re");
	/* It may have ended. */
	if (!file || !fgets(name, sizeof(name), file))
		snprintf(name, sizeof(name), "-\n");
	text_make_printable(name, strlen(name));
	printf("%8d  %s", pid, name);
}

static int print(const pid_t *pids, size_t count, int format, struct error *error)
{
	if (format == FORMAT_TABLE) {
		puts("     PID  COMMAND");
		for (size_t i = 0; i < count; i++)
			print_one(pids[i]);
		return 0;
	}
	json_t *list = json_array();
	for (size_t i = 0; list && i < count; i++)
		if (json_array_append_new(list, json_integer(pids[i]))) {
			json_decref(list);
			list = NULL;
		}
	return command_print(list, error);
}

static int run(const void *values, const struct globals *globals, const struct operands *operands,
	       struct error *error)
{
	const struct ps_values *chosen = values;
	cleanup(container_close) struct container container = CONTAINER_NONE;
	struct oci_cgroup group = {0};
	cleanup_free pid_t *pids = NULL;
	size_t count = 0;
	int result = command_open(&container, globals, operands, error);
	if (result)
		return result;
	result = oci_cgroup_open(container.cgroup, &group, error);
	if (!result)
		result = oci_cgroup_processes(&group, &pids, &count, error);
	oci_cgroup_close(&group);
	return result ? result : print(pids, count, chosen->format, error);
}

const struct command command_ps = {
    .name = "ps",
    .usage = "ID",
    .summary = "list the processes of this machine that a container is made of",
    .options = options,
    .option_count = ARRAY_SIZE(options),
    .defaults = &(const struct ps_values){0},
    .values_size = sizeof(struct ps_values),
    .least = 1,
    .most = OPTION_LIST_MAX, /* options of ps(1), which are passed over */
    .follows = true,
    .run = run,
};
