/* mayfly describe: one function of a gateway. */
#include <errno.h>
#include <stdio.h>

#include "cli/command/verb.h"
#include "cli/remote/gateway.h"
#include "cli/remote/output.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/clock.h"

struct describe_values {
	struct gateway_values gateway;
	bool json;
};

static const struct output_column fields[] = {
    {"Name", "name", false},
    {"Namespace", "namespace", false},
    {"State", "mayfly.state", false},
    {"Reason", "mayfly.reason", false},
    {"Image", "image", false},
    {"Digest", "mayfly.digest", false},
    {"Revision", "mayfly.revision", false},
    {"Contract", "mayfly.contract", false},
    {"Isolation", "mayfly.isolation", false},
    {"Process", "envProcess", false},
    {"Deployed", "createdAt", false},
    {"Calls", "invocationCount", true},
    {"Replicas", "replicas", true},
    {"Available", "availableReplicas", true},
    {"Memory in use", "usage.totalMemoryBytes", false},
    {"Limits", "limits", false},
    {"Requests", "requests", false},
    {"Environment", "envVars", false},
    {"Secrets", "secrets", false},
    {"Labels", "labels", false},
    {"Annotations", "annotations", false},
    {"Constraints", "constraints", false},
};

static void print_urls(const struct gateway *gateway, const char *name)
{
	const char *space = gateway->values->name_space;
	printf("%-16s%s/function/%s%s%s\n", "URL:", gateway->url, name, space ? "." : "",
	       space ? space : "");
	printf("%-16s%s/async-function/%s%s%s\n", "Async URL:", gateway->url, name,
	       space ? "." : "", space ? space : "");
}

static int describe_run(const void *values, const struct operands *operands, struct error *error)
{
	const struct describe_values *chosen = values;
	cleanup(gateway_release) struct gateway gateway = {0};
	const char *name = operands->words[0];
	char path[256];
	json_t *function = NULL;
	int result = gateway_check_name(name, "function", error);
	if (!result)
		result = gateway_find(&gateway, &chosen->gateway, NULL, error);
	if (result)
		return result;
	snprintf(path, sizeof(path), "/system/function/%s", name);
	result = gateway_ask(&gateway, "GET", path, NULL, &function, error);
	if (!result && !json_is_object(function))
		result = error_set(error, EPROTO, "the gateway answered with no function");
	if (!result && chosen->json) {
		result = output_json(function, error);
	} else if (!result) {
		output_fields(function, fields, ARRAY_SIZE(fields));
		print_urls(&gateway, name);
	}
	json_decref(function);
	return result;
}

static const struct describe_values describe_defaults = {.gateway = GATEWAY_VALUES_USUAL};

#define VALUES struct describe_values
static const struct option_spec describe_options[] = {
#include "cli/remote/remote_options.def"
    {"json", 0, OPTION_FLAG, offsetof(VALUES, json), NULL, "as JSON, as the gateway says it"},
};

const struct verb verb_describe = {
    .name = "describe",
    .summary = "Show all that a gateway knows of a function",
    .usage = "NAME",
    .description = "Shows what a function was deployed with, what became of it, and the URLs that "
		   "it is called by.",
    .options = describe_options,
    .option_count = ARRAY_SIZE(describe_options),
    .defaults = &describe_defaults,
    .values_size = sizeof(describe_defaults),
    .least = 1,
    .most = 1,
    .completes = COMPLETE_DEPLOYED,
    .run = describe_run,
};
