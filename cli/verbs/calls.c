/* mayfly calls: asynchronous calls that wait, and what became of one. */
#include <errno.h>
#include <stdio.h>

#include "cli/command/verb.h"
#include "cli/remote/gateway.h"
#include "cli/remote/output.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/clock.h"

struct calls_values {
	struct gateway_values gateway;
	bool json;
};

static const struct output_column columns[] = {
    {"ID", "id", false},
    {"FUNCTION", "name", false},
    {"STATE", "state", false},
    {"ATTEMPTS", "attempts", true},
    {"CALLED", "createdAt", false},
    {"REASON", "reason", false},
};

static const struct output_column fields[] = {
    {"Id", "id", false},
    {"Function", "name", false},
    {"Namespace", "namespace", false},
    {"State", "state", false},
    {"Status", "status", false},
    {"Attempts", "attempts", true},
    {"Called", "createdAt", false},
    {"Next attempt", "due", false},
    {"Callback", "callback", false},
    {"Reason", "reason", false},
};

static int calls_run(const void *values, const struct operands *operands, struct error *error)
{
	const struct calls_values *chosen = values;
	cleanup(gateway_release) struct gateway gateway = {0};
	const char *id = operands->count ? operands->words[0] : NULL;
	char path[256] = "/system/calls";
	json_t *answer = NULL;
	int result = id ? gateway_check_name(id, "call", error) : 0;
	if (!result)
		result = gateway_find(&gateway, &chosen->gateway, NULL, error);
	if (result)
		return result;
	if (id)
		snprintf(path, sizeof(path), "/system/calls/%s", id);
	result = gateway_ask(&gateway, "GET", path, NULL, &answer, error);
	if (!result && (id ? !json_is_object(answer) : !json_is_array(answer)))
		result = error_set(error, EPROTO, "the gateway answered with no calls");
	if (!result && chosen->json)
		result = output_json(answer, error);
	else if (!result && id)
		output_fields(answer, fields, ARRAY_SIZE(fields));
	else if (!result)
		output_table(answer, columns, ARRAY_SIZE(columns));
	json_decref(answer);
	return result;
}

static const struct calls_values calls_defaults = {.gateway = GATEWAY_VALUES_USUAL};

#define VALUES struct calls_values
static const struct option_spec calls_options[] = {
#include "cli/remote/remote_options.def"
    {"json", 0, OPTION_FLAG, offsetof(VALUES, json), NULL, "as JSON, as the gateway says it"},
};

const struct verb verb_calls = {
    .name = "calls",
    .summary = "Show asynchronous calls and what became of them",
    .usage = "[ID]",
    .description = "Lists the asynchronous calls that wait, run, or were given up; or tells what "
		   "became of the one that mayfly invoke --async, or X-Call-Id, named.",
    .options = calls_options,
    .option_count = ARRAY_SIZE(calls_options),
    .defaults = &calls_defaults,
    .values_size = sizeof(calls_defaults),
    .most = 1,
    .run = calls_run,
};
