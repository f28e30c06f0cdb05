/* Stack files: variables, YAML, and what is in it. */
#include <stdlib.h>
#include <string.h>

#include "cli/deployment/deployment.h"
#include "cli/deployment/stack.h"
#include "util/cleanup.h"
#include "util/log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct stack_choice all;
	static const struct deployment_values nothing;
	cleanup(stack_release) struct stack stack = {0};
	cleanup_free char *text = calloc(1, size + 1);
	struct error error = {0};
	size_t index;
	json_t *deployment;
	log_set_level(0);
	if (!text)
		return 0;
	memcpy(text, data, size);
	/* Files of others are not for a fuzzer to read. */
	if (strstr(text, "environment_file"))
		return 0;
	if (stack_parse(text, "/none", &all, &stack, &error)) {
		if (!*error.text)
			abort();
		return 0;
	}
	json_array_foreach(stack.functions, index, deployment)
	{
		if (!json_is_string(json_object_get(deployment, "image")) ||
		    deployment_apply(deployment, &nothing, &error))
			abort();
	}
	return 0;
}
