/* mayfly-oci update: change a container's limits. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "oci/cgroup/cgroup.h"
#include "oci/commands/command.h"
#include "util/cleanup.h"
#include "util/file.h"

#define RESOURCES_SIZE_MAX (1UL << 20)

struct update_values {
	const char *resources;
	const char *cpus, *memory_nodes;
	/* One text for each limit that has an option; NULL: not given. */
	const char *limits[OCI_LIMITS];
};

#define LIMIT(limit) offsetof(struct update_values, limits[limit])

static const struct option_spec options[] = {
    {"resources", 'r', OPTION_STRING, offsetof(struct update_values, resources), "FILE",
     "read an object as linux.resources is; '-' is standard input", .takes_file = true},
    {"memory", 0, OPTION_STRING, LIMIT(OCI_MEMORY_LIMIT), "BYTES", "limit of memory; -1: none"},
    {"memory-reservation", 0, OPTION_STRING, LIMIT(OCI_MEMORY_RESERVATION), "BYTES",
     "memory that it keeps when the machine is short of it"},
    {"memory-swap", 0, OPTION_STRING, LIMIT(OCI_MEMORY_SWAP), "BYTES",
     "limit of memory and swap together"},
    {"cpu-share", 0, OPTION_STRING, LIMIT(OCI_CPU_SHARES), "COUNT", "its weight beside others"},
    {"cpu-quota", 0, OPTION_STRING, LIMIT(OCI_CPU_QUOTA), "TIME", "microseconds in each period"},
    {"cpu-period", 0, OPTION_STRING, LIMIT(OCI_CPU_PERIOD), "TIME", "microseconds"},
    {"cpu-burst", 0, OPTION_STRING, LIMIT(OCI_CPU_BURST), "TIME", "microseconds"},
    {"cpu-rt-runtime", 0, OPTION_STRING, LIMIT(OCI_CPU_REALTIME_RUNTIME), "TIME", "microseconds"},
    {"cpu-rt-period", 0, OPTION_STRING, LIMIT(OCI_CPU_REALTIME_PERIOD), "TIME", "microseconds"},
    {"cpuset-cpus", 0, OPTION_STRING, offsetof(struct update_values, cpus), "LIST",
     "processors, as in 0-2,7"},
    {"cpuset-mems", 0, OPTION_STRING, offsetof(struct update_values, memory_nodes), "LIST",
     "memory nodes"},
    {"pids-limit", 0, OPTION_STRING, LIMIT(OCI_PIDS_LIMIT), "COUNT",
     "how many processes there may be; -1: no limit"},
    {"blkio-weight", 0, OPTION_STRING, LIMIT(OCI_IO_WEIGHT), "WEIGHT", "of its io beside others'"},
};

/* Standard input is a pipe or a file: "-" has no length to be asked for. */
static int read_input(char **text, size_t *length, struct error *error)
{
	cleanup_free char *buffer = malloc(RESOURCES_SIZE_MAX + 1);
	if (!buffer)
		return error_set(error, ENOMEM, "no memory for limits");
	const ssize_t got = file_read_full(STDIN_FILENO, buffer, RESOURCES_SIZE_MAX + 1);
	if (got < 0)
		return error_set_errno(error, (int)-got, "cannot read standard input");
	if ((size_t)got > RESOURCES_SIZE_MAX)
		return error_set(error, EFBIG, "standard input has more than %lu bytes",
				 RESOURCES_SIZE_MAX);
	*length = (size_t)got;
	*text = take_pointer(buffer);
	return 0;
}

static int read_resources(const char *path, struct oci_resources *resources, struct error *error)
{
	cleanup_free char *text = NULL;
	size_t length = 0;
	int result = strcmp(path, "-") != 0
			 ? file_read(path, RESOURCES_SIZE_MAX, (uint8_t **)&text, &length, error)
			 : read_input(&text, &length, error);
	if (!result)
		result = oci_resources_parse(text, length, resources, error);
	return result ? error_wrap(error, "--resources") : 0;
}

static int set_limit(struct oci_resources *resources, size_t limit, const char *text,
		     struct error *error)
{
	char *end;
	errno = 0;
	const long long value = strtoll(text, &end, 10);
	if (errno || end == text || *end)
		return error_set(error, EINVAL, "'%.32s' is no number", text);
	return oci_resources_set(resources, (enum oci_limit)limit, value, error);
}

static int take_options(const struct update_values *chosen, struct oci_resources *resources,
			struct error *error)
{
	int result = 0;
	for (size_t i = 0; i < OCI_LIMITS && !result; i++)
		if (chosen->limits[i])
			result = set_limit(resources, i, chosen->limits[i], error);
	if (chosen->cpus)
		resources->cpus = chosen->cpus;
	if (chosen->memory_nodes)
		resources->memory_nodes = chosen->memory_nodes;
	return result;
}

static int run(const void *values, const struct globals *globals, const struct operands *operands,
	       struct error *error)
{
	const struct update_values *chosen = values;
	cleanup(container_close) struct container container = CONTAINER_NONE;
	cleanup(oci_resources_release) struct oci_resources resources = {0};
	struct oci_cgroup group = {0};
	int result = command_open_locked(&container, globals, operands, error);
	if (!result && container_find_status(&container) == CONTAINER_STOPPED)
		result = error_set(error, ESRCH, "container %s does not run", container.id);
	if (!result && chosen->resources)
		result = read_resources(chosen->resources, &resources, error);
	if (!result)
		result = take_options(chosen, &resources, error);
	if (!result)
		result = oci_cgroup_open(container.cgroup, &group, error);
	if (!result)
		result = oci_cgroup_update(&group, &resources, error);
	oci_cgroup_close(&group);
	return result;
}

const struct command command_update = {
    .name = "update",
    .usage = "ID",
    .summary = "change the limits of a container",
    .options = options,
    .option_count = ARRAY_SIZE(options),
    .defaults = &(const struct update_values){0},
    .values_size = sizeof(struct update_values),
    .least = 1,
    .most = 1,
    .follows = true,
    .run = run,
};
