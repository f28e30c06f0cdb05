/* mayfly split: some of a function's requests go to another revision. */
#include <errno.h>
#include <stdio.h>

#include "cli/command/verb.h"
#include "cli/remote/gateway.h"
#include "options/quantity.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/clock.h"

struct split_values {
	struct gateway_values gateway;
};

static int split_run(const void *values, const struct operands *operands, struct error *error)
{
	const struct split_values *chosen = values;
	cleanup(gateway_release) struct gateway gateway = {0};
	const char *name = operands->words[0];
	char path[256];
	uint64_t revision = 0, percent = 0;
	int result = gateway_check_name(name, "function", error);
	if (!result)
		result = quantity_parse_count(operands->words[1], &revision, error);
	if (!result && (!revision || revision > INT64_MAX))
		result =
		    error_set(error, EINVAL, "there is no revision %s: see mayfly revisions %s",
			      operands->words[1], name);
	if (!result)
		result = quantity_parse_count(operands->words[2], &percent, error);
	if (!result && (!percent || percent > 100))
		result = error_set(error, EINVAL, "%s is out of range: give 1 to 100",
				   operands->words[2]);
	if (!result)
		result = gateway_find(&gateway, &chosen->gateway, NULL, error);
	if (result)
		return result;
	json_t *body = json_pack("{s:I, s:I}", "revision", (json_int_t)revision, "percent",
				 (json_int_t)percent);
	if (!body)
		return error_set(error, ENOMEM, "no memory for a request");
	snprintf(path, sizeof(path), "/system/function/%s/split", name);
	result = gateway_ask(&gateway, "POST", path, body, NULL, error);
	json_decref(body);
	if (!result)
		printf("%s: %s of 100 requests go to revision %s\n", name, operands->words[2],
		       operands->words[1]);
	return result;
}

static const struct split_values split_defaults = {.gateway = GATEWAY_VALUES_USUAL};

#define VALUES struct split_values
static const struct option_spec split_options[] = {
#include "cli/remote/remote_options.def"
};

const struct verb verb_split = {
    .name = "split",
    .summary = "Send some requests of a function to another revision",
    .usage = "NAME REVISION PERCENT",
    .description = "Sends that many of a hundred requests to another revision than the current "
		   "one, to try it. 100 makes it the one for all; mayfly rollback with the number "
		   "of the current one ends it.",
    .options = split_options,
    .option_count = ARRAY_SIZE(split_options),
    .defaults = &split_defaults,
    .values_size = sizeof(split_defaults),
    .least = 3,
    .most = 3,
    .completes = COMPLETE_DEPLOYED,
    .run = split_run,
};
