/* What an accelerator host has done (mayfly/statistics.h), asked for at its socket. */
#ifndef MAYFLY_ACCEL_STATISTICS_HOST_STATISTICS_H
#define MAYFLY_ACCEL_STATISTICS_HOST_STATISTICS_H

#include <stdbool.h>

#include "mayfly/statistics.h"
#include "util/error.h"

/* All of it lies in `block`. */
struct host_statistics {
	const struct mayfly_statistics *head;
	const struct mayfly_tenant_statistics *tenants;
	const struct mayfly_loaded_model *models;
	const struct mayfly_op_statistics *series;
	void *block;
};

/* Opens the key's file of the host at `socket_path`, which only its user can read; with `create`
 * where there is none yet. The descriptor, or a negative errno. */
int host_statistics_open_key(const char *socket_path, bool create, struct error *error);

/* Asks the host, which is not started where none runs. `key` is what host_statistics_open_key() gave.
 * Release by host_statistics_release(), also after an error. 0 or a negative errno. */
int host_statistics_read(const char *socket_path, int key, struct host_statistics *statistics,
			 struct error *error);
void host_statistics_release(struct host_statistics *statistics);

#endif
