/* mayfly scale: how many machines of a function there are. */
#include <errno.h>
#include <stdio.h>

#include "cli/command/verb.h"
#include "cli/remote/gateway.h"
#include "options/quantity.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/clock.h"

struct scale_values {
	struct gateway_values gateway;
};

#define REPLICAS_MAX 1000000

static int scale_run(const void *values, const struct operands *operands, struct error *error)
{
	const struct scale_values *chosen = values;
	cleanup(gateway_release) struct gateway gateway = {0};
	const char *name = operands->words[0];
	char path[256];
	uint64_t replicas;
	int result = gateway_check_name(name, "function", error);
	if (!result)
		result = quantity_parse_count(operands->words[1], &replicas, error);
	if (!result && replicas > REPLICAS_MAX)
		result = error_set(error, EINVAL, "%s are too many", operands->words[1]);
	if (!result)
		result = gateway_find(&gateway, &chosen->gateway, NULL, error);
	if (result)
		return result;
	json_t *body =
	    json_pack("{s:s, s:I}", "serviceName", name, "replicas", (json_int_t)replicas);
	if (!body)
		return error_set(error, ENOMEM, "no memory for a request");
	snprintf(path, sizeof(path), "/system/scale-function/%s", name);
	result = gateway_ask(&gateway, "POST", path, body, NULL, error);
	json_decref(body);
	if (!result)
		printf("%s is scaled to %s\n", name, operands->words[1]);
	return result;
}

static const struct scale_values scale_defaults = {.gateway = GATEWAY_VALUES_USUAL};

#define VALUES struct scale_values
static const struct option_spec scale_options[] = {
#include "cli/remote/remote_options.def"
};

const struct verb verb_scale = {
    .name = "scale",
    .summary = "Say how many machines of a function are to be there",
    .usage = "NAME NUMBER",
    .description = "Says how many machines are to wait for requests of a function now. The gateway "
		   "goes on from there as requests come; 0 gives back all of them, and the next "
		   "request wakes the function. To keep some for good, deploy it with --min.",
    .options = scale_options,
    .option_count = ARRAY_SIZE(scale_options),
    .defaults = &scale_defaults,
    .values_size = sizeof(scale_defaults),
    .least = 2,
    .most = 2,
    .completes = COMPLETE_DEPLOYED,
    .run = scale_run,
};
