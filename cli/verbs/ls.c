/* mayfly ls: the functions of a gateway. */
#include <errno.h>
#include <stdio.h>

#include "cli/command/verb.h"
#include "cli/remote/gateway.h"
#include "cli/remote/output.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/clock.h"

struct ls_values {
	struct gateway_values gateway;
	bool json, quiet;
};

static const struct output_column columns[] = {
    {"NAME", "name", false},
    {"IMAGE", "image", false},
    {"STATE", "mayfly.state", false},
    {"REPLICAS", "availableReplicas", true},
    {"CALLS", "invocationCount", true},
};

static int print_list(const struct ls_values *chosen, const json_t *list, struct error *error)
{
	size_t index;
	const json_t *function;
	if (!json_is_array(list))
		return error_set(error, EPROTO, "the gateway answered with no list of functions");
	if (chosen->json)
		return output_json(list, error);
	if (!chosen->quiet) {
		output_table(list, columns, ARRAY_SIZE(columns));
		return 0;
	}
	json_array_foreach(list, index, function)
	{
		cleanup_free char *name = output_text(json_object_get(function, "name"));
		puts(name ? name : "?");
	}
	return 0;
}

static int ls_run(const void *values, const struct operands *operands, struct error *error)
{
	const struct ls_values *chosen = values;
	cleanup(gateway_release) struct gateway gateway = {0};
	json_t *list = NULL;
	int result = gateway_find(&gateway, &chosen->gateway, NULL, error);
	if (!result)
		result = gateway_ask(&gateway, "GET", "/system/functions", NULL, &list, error);
	if (!result)
		result = print_list(chosen, list, error);
	json_decref(list);
	return result;
}

static const struct ls_values ls_defaults = {.gateway = GATEWAY_VALUES_USUAL};

#define VALUES struct ls_values
static const struct option_spec ls_options[] = {
#include "cli/remote/remote_options.def"
    {"json", 0, OPTION_FLAG, offsetof(VALUES, json), NULL, "as JSON, as the gateway says it"},
    {"quiet", 'q', OPTION_FLAG, offsetof(VALUES, quiet), NULL, "names only"},
};

const struct verb verb_ls = {
    .name = "ls",
    .summary = "List the functions of a gateway",
    .usage = "",
    .description = "Lists the functions that are deployed: how many machines of each are there "
		   "now, and how often it was called. None are there of one that nobody calls.",
    .options = ls_options,
    .option_count = ARRAY_SIZE(ls_options),
    .defaults = &ls_defaults,
    .values_size = sizeof(ls_defaults),
    .run = ls_run,
};
