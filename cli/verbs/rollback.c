/* mayfly rollback: requests go to an earlier revision of a function again. */
#include <errno.h>
#include <stdio.h>

#include "cli/command/verb.h"
#include "cli/remote/gateway.h"
#include "cli/remote/progress.h"
#include "cli/remote/readiness.h"
#include "options/quantity.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/clock.h"

struct rollback_values {
	struct gateway_values gateway;
	bool wait;
};

static int rollback_run(const void *values, const struct operands *operands, struct error *error)
{
	const struct rollback_values *chosen = values;
	cleanup(gateway_release) struct gateway gateway = {0};
	const char *name = operands->words[0];
	const char *number = operands->count > 1 ? operands->words[1] : NULL;
	char path[256];
	uint64_t revision = 0;
	int result = gateway_check_name(name, "function", error);
	if (!result && number)
		result = quantity_parse_count(number, &revision, error);
	if (!result && number && (!revision || revision > INT64_MAX))
		result =
		    error_set(error, EINVAL, "there is no revision %s: see mayfly revisions %s",
			      number, name);
	if (!result)
		result = gateway_find(&gateway, &chosen->gateway, NULL, error);
	if (result)
		return result;
	json_t *body = json_object();
	if (!body ||
	    (number && json_object_set_new(body, "revision", json_integer((json_int_t)revision)))) {
		json_decref(body);
		return error_set(error, ENOMEM, "no memory for a request");
	}
	snprintf(path, sizeof(path), "/system/function/%s/rollback", name);
	result = gateway_ask(&gateway, "POST", path, body, NULL, error);
	json_decref(body);
	if (!result && chosen->wait) {
		struct progress progress;
		progress_begin(&progress);
		result =
		    readiness_await(&gateway, name, chosen->gateway.name_space, &progress, error);
		progress_end(&progress);
	}
	if (!result)
		printf(number ? "%s is at revision %s\n" : "%s is at the revision before\n", name,
		       number);
	return result;
}

static const struct rollback_values rollback_defaults = {.gateway = GATEWAY_VALUES_USUAL};

#define VALUES struct rollback_values
static const struct option_spec rollback_options[] = {
#include "cli/remote/remote_options.def"
    {"wait", 0, OPTION_FLAG, offsetof(VALUES, wait), NULL, "return when that revision serves"},
};

const struct verb verb_rollback = {
    .name = "rollback",
    .summary = "Go back to an earlier revision of a function",
    .usage = "NAME [REVISION]",
    .description = "Sends all requests to an earlier revision again: to the one before this one, "
		   "or to the one that is named. No request is lost.",
    .options = rollback_options,
    .option_count = ARRAY_SIZE(rollback_options),
    .defaults = &rollback_defaults,
    .values_size = sizeof(rollback_defaults),
    .least = 1,
    .most = 2,
    .completes = COMPLETE_DEPLOYED,
    .run = rollback_run,
};
