/* mayfly revisions: the versions of a function that a gateway has kept. */
#include <errno.h>
#include <stdio.h>

#include "cli/command/verb.h"
#include "cli/remote/gateway.h"
#include "cli/remote/output.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/clock.h"

struct revisions_values {
	struct gateway_values gateway;
	bool json;
};

static const struct output_column columns[] = {
    {"REVISION", "revision", true},
    {"REQUESTS %", "percent", true},
    {"DEPLOYED", "createdAt", false},
    {"IMAGE", "image", false},
};

static int revisions_run(const void *values, const struct operands *operands, struct error *error)
{
	const struct revisions_values *chosen = values;
	cleanup(gateway_release) struct gateway gateway = {0};
	char path[256];
	json_t *list = NULL;
	int result = gateway_check_name(operands->words[0], "function", error);
	if (!result)
		result = gateway_find(&gateway, &chosen->gateway, NULL, error);
	if (result)
		return result;
	snprintf(path, sizeof(path), "/system/function/%s/revisions", operands->words[0]);
	result = gateway_ask(&gateway, "GET", path, NULL, &list, error);
	if (!result && !json_is_array(list))
		result = error_set(error, EPROTO, "the gateway answered with no list of revisions");
	if (!result && chosen->json)
		result = output_json(list, error);
	else if (!result)
		output_table(list, columns, ARRAY_SIZE(columns));
	json_decref(list);
	return result;
}

static const struct revisions_values revisions_defaults = {.gateway = GATEWAY_VALUES_USUAL};

#define VALUES struct revisions_values
static const struct option_spec revisions_options[] = {
#include "cli/remote/remote_options.def"
    {"json", 0, OPTION_FLAG, offsetof(VALUES, json), NULL, "as JSON, as the gateway says it"},
};

const struct verb verb_revisions = {
    .name = "revisions",
    .summary = "List the revisions of a function",
    .usage = "NAME",
    .description = "Each deployment of a function is a revision. Lists those that the gateway has "
		   "kept, and how many of a hundred requests go to each.",
    .options = revisions_options,
    .option_count = ARRAY_SIZE(revisions_options),
    .defaults = &revisions_defaults,
    .values_size = sizeof(revisions_defaults),
    .least = 1,
    .most = 1,
    .completes = COMPLETE_DEPLOYED,
    .run = revisions_run,
};
