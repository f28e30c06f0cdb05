/* mayfly-oci pause, resume: stop a container's processes, and let them go on. */
#include <errno.h>

#include "oci/cgroup/cgroup.h"
#include "oci/commands/command.h"
#include "util/cleanup.h"

static int freeze(const struct globals *globals, const struct operands *operands, bool frozen,
		  struct error *error)
{
	cleanup(container_close) struct container container = CONTAINER_NONE;
	struct oci_cgroup group = {0};
	int result = command_open_locked(&container, globals, operands, error);
	if (result)
		return result;
	const enum container_status status = container_find_status(&container);
	if (status != (frozen ? CONTAINER_RUNNING : CONTAINER_PAUSED))
		return error_set(error, EINVAL, "container %s is %s", container.id,
				 container_status_names[status]);
	result = oci_cgroup_open(container.cgroup, &group, error);
	if (!result)
		result = oci_cgroup_freeze(&group, frozen, error);
	oci_cgroup_close(&group);
	return result;
}

static int pause_run(const void *values, const struct globals *globals,
		     const struct operands *operands, struct error *error)
{
	return freeze(globals, operands, true, error);
}

static int resume_run(const void *values, const struct globals *globals,
		      const struct operands *operands, struct error *error)
{
	return freeze(globals, operands, false, error);
}

const struct command command_pause = {
    .name = "pause",
    .usage = "ID",
    .summary = "stop all processes of a container",
    .least = 1,
    .most = 1,
    .follows = true,
    .run = pause_run,
};

const struct command command_resume = {
    .name = "resume",
    .usage = "ID",
    .summary = "let a paused container go on",
    .least = 1,
    .most = 1,
    .follows = true,
    .run = resume_run,
};
