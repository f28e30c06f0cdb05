/* mayfly rm: remove functions from a gateway. */
#include <errno.h>
#include <stdio.h>

#include "cli/command/verb.h"
#include "cli/remote/gateway.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/log.h"

struct rm_values {
	struct gateway_values gateway;
};

static int remove_one(const struct gateway *gateway, const char *name, struct error *error)
{
	int result = gateway_check_name(name, "function", error);
	if (result)
		return result;
	json_t *body = json_pack("{s:s}", "functionName", name);
	if (!body)
		return error_set(error, ENOMEM, "no memory for a request");
	result = gateway_ask(gateway, "DELETE", "/system/functions", body, NULL, error);
	json_decref(body);
	if (!result)
		printf("%s is removed\n", name);
	return result;
}

/* One that cannot be removed does not keep the others. */
static int rm_run(const void *values, const struct operands *operands, struct error *error)
{
	const struct rm_values *chosen = values;
	cleanup(gateway_release) struct gateway gateway = {0};
	int result = gateway_find(&gateway, &chosen->gateway, NULL, error);
	if (result)
		return result;
	for (size_t i = 0; i < operands->count; i++) {
		if (result)
			log_tell("rm: %s", error->text);
		struct error own = {0};
		int one = remove_one(&gateway, operands->words[i], &own);
		if (!one)
			continue;
		result = one;
		*error = own;
	}
	return result;
}

static const struct rm_values rm_defaults = {.gateway = GATEWAY_VALUES_USUAL};

#define VALUES struct rm_values
static const struct option_spec rm_options[] = {
#include "cli/remote/remote_options.def"
};

const struct verb verb_rm = {
    .name = "rm",
    .summary = "Remove functions from a gateway",
    .usage = "NAME...",
    .description = "Removes functions with all their revisions. Requests that they are serving are "
		   "still answered.",
    .options = rm_options,
    .option_count = ARRAY_SIZE(rm_options),
    .defaults = &rm_defaults,
    .values_size = sizeof(rm_defaults),
    .least = 1,
    .most = OPERANDS_ANY,
    .completes = COMPLETE_DEPLOYED,
    .run = rm_run,
};
