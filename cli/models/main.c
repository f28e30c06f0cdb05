/* mayfly-models: what `mayfly models add` and `show` do. It is a program of its own because it loads
 * engines and models, which the command itself, started for every call, does not. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accel/library/bootstrap.h"
#include "cli/models/add.h"
#include "cli/models/inspection.h"
#include "options/options.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"

/* No plugin is loaded: their engines are linked. */
const char mayfly_bootstraps_itself = 1;

struct values {
	bool json;
	struct model_addition addition;
};

static const struct option_spec specs[] = {
    {"json", 0, OPTION_FLAG, offsetof(struct values, json), NULL, "as JSON"},
    {"name", 0, OPTION_STRING, offsetof(struct values, addition.name), "NAME", "its name"},
    {"version", 0, OPTION_STRING, offsetof(struct values, addition.version), "VERSION",
     "its version"},
    {"task", 0, OPTION_STRING, offsetof(struct values, addition.task), "TASK", "what it is for"},
    {"labels", 0, OPTION_STRING, offsetof(struct values, addition.labels), "FILE",
     "names of its classes"},
    {"set", 0, OPTION_LIST, offsetof(struct values, addition.settings), "KEY=VALUE",
     "a line of its description"},
};

static int show(const char *name, bool json, struct error *error)
{
	cleanup(inspection_close) struct inspection inspection = {0};
	int result = inspection_open_installed(&inspection, name, error);
	if (result)
		return result;
	if (!json) {
		inspection_print(&inspection);
		return 0;
	}
	json_t *report = inspection_to_json(&inspection);
	result = report ? json_dumpf(report, stdout, JSON_INDENT(2)) : -1;
	json_decref(report);
	if (result)
		return error_set(error, EIO, "cannot write the model as JSON");
	putchar('\n');
	return 0;
}

int main(int argc, char **argv)
{
	static struct values values;
	struct operands operands;
	struct error error = {0};
	const struct option_set set = {specs, ARRAY_SIZE(specs), &values};
	int result = options_parse(&set, 1, false, argc - 1, argv + 1, &operands, &error);
	if (!result && operands.count != 2)
		result = error_set(&error, EINVAL, "what \"mayfly models add\" and \"show\" run");
	if (!result && !strcmp(operands.words[0], "add"))
		result = model_add(operands.words[1], &values.addition, &error);
	else if (!result)
		result = show(operands.words[1], values.json, &error);
	if (result)
		fprintf(stderr, "mayfly: models: %s\n", error.text);
	return result ? EXIT_FAILURE : EXIT_SUCCESS;
}
