/* mayfly-oci delete: remove a container that has stopped. */
#include <errno.h>
#include <signal.h>

#include "oci/commands/command.h"
#include "oci/container/launch.h"
#include "util/cleanup.h"

struct delete_values {
	bool force;
};

static const struct option_spec options[] = {
    {"force", 'f', OPTION_FLAG, offsetof(struct delete_values, force), NULL,
     "end it where it runs; one that is gone is fine"},
};

static int run(const void *values, const struct globals *globals, const struct operands *operands,
	       struct error *error)
{
	const struct delete_values *chosen = values;
	cleanup(container_close) struct container container = CONTAINER_NONE;
	int result = command_open(&container, globals, operands, error);
	/* A `start` or `create` that waits for its process would keep the lock. */
	if (!result && chosen->force)
		container_signal(&container, SIGKILL);
	if (!result)
		result = container_lock(&container, error);
	if (result == -ENOENT && chosen->force)
		return 0;
	if (result)
		return result;
	const enum container_status status = container_find_status(&container);
	/* One that was created only waits: deleting it is what can be done. */
	if (!chosen->force && status != CONTAINER_STOPPED && status != CONTAINER_CREATED)
		return error_set(error, EBUSY, "container %s is %s: stop it first, or --force",
				 container.id, container_status_names[status]);
	return launch_delete(&container, error);
}

const struct command command_delete = {
    .name = "delete",
    .usage = "ID",
    .summary = "remove a container that has stopped",
    .options = options,
    .option_count = ARRAY_SIZE(options),
    .defaults = &(const struct delete_values){0},
    .values_size = sizeof(struct delete_values),
    .least = 1,
    .most = 1,
    .follows = true,
    .run = run,
};
