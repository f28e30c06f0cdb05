/* What a tenant may do: one policy for each listening socket, out of the configuration file
 * (docs/tenants.md). The supervisor reads them and hands them to the worker; a tenant without one has
 * policy_default.
 *
 * Counts and sizes of 0 mean: no limit beside a tenant's share of the whole.
 */
#ifndef MAYFLY_ACCELD_POLICY_H
#define MAYFLY_ACCELD_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "accel/wire/ops.h"

#define POLICY_NAME_MAX	  64
#define POLICY_NAMES_MAX  32 /* of models, and of plugins, that are allowed by name */
#define POLICY_WEIGHT_MAX 1000

struct policy_names {
	uint32_t count; /* with `any` not set: exactly these */
	bool any;
	char names[POLICY_NAMES_MAX][POLICY_NAME_MAX];
};

/* Fixed size, no pointers: it is sent from one process to another as it is, and checked there by
 * policy_is_sound(). */
struct policy {
	char name[POLICY_NAME_MAX]; /* the tenant's, in logs and metrics */
	uint32_t weight; /* of its share of each device; 1 to POLICY_WEIGHT_MAX, usually 100 */
	uint32_t connections, sessions, resources;
	uint32_t ops_in_flight; /* more wait until their deadline */
	uint64_t resource_memory,
	    model_memory;	    /* bytes: content that it sends; models loaded for it */
	uint64_t device_time_per_s; /* ns of each second on each device; more wait */
	uint64_t op_limit_ns;
	bool send_models; /* it may register models of its own */
	bool run_code;	  /* EXEC_WITH_RESOURCE: shared objects that it sends, in its own worker */
	bool host_libraries; /* EXEC: shared objects of this host, by name, below `library_path` */
	char library_path[256];
	bool ops[WIRE_OP_PLACES]; /* by place; housekeeping is always allowed */
	struct policy_names models, plugins;
};

/* Everything allowed but code (run_code, host_libraries); weight 100; no limits. */
extern const struct policy policy_default;

/* True where every field is within its bounds, every name ends, and every bool is 0 or 1. */
bool policy_is_sound(const struct policy *policy);

bool policy_equals(const struct policy *a, const struct policy *b);
bool policy_names_equal(const struct policy_names *a, const struct policy_names *b);

bool policy_allows_op(const struct policy *policy, uint16_t op);
bool policy_allows_name(const struct policy_names *names, const char *name);
/* The same for a model: who may use `tone` may use each version of it, `tone@2`. */
bool policy_allows_model(const struct policy *policy, const char *model);

#endif
