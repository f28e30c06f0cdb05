/* Words that may be typed; see completion.h. */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "accel_client/host_list.h"
#include "cli/command/verb.h"
#include "cli/completion/completion.h"
#include "cli/installed/inventory.h"
#include "cli/remote/gateway.h"
#include "monitor/target/functions.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/paths.h"

#define REMOTE_PATIENCE_NS 500000000ULL

static void print_functions(FILE *out, const char *of)
{
	for (size_t i = 0; i < example_function_count; i++)
		fprintf(out, "%s\n", example_functions[i].name);
}

/* Those for `task`; NULL: all. */
static void print_models(FILE *out, const char *task)
{
	char cache[PATH_MAX];
	cleanup(inventory_release) struct inventory inventory = {0};
	if (paths_cache(cache, sizeof(cache), "", NULL) ||
	    inventory_read_names(&inventory, cache, NULL))
		return;
	for (size_t i = 0; i < inventory.count; i++)
		if (!task || !strcmp(inventory.models[i].task, task))
			fprintf(out, "%s\n", inventory.models[i].name);
}

static void print_installed(FILE *out, const char *of)
{
	print_models(out, NULL);
}

static void print_fetched(FILE *out, const char *of)
{
	for (const char *name = FETCHED_MODELS " onnxruntime photos tflite"; *name;) {
		size_t length = strcspn(name, " ");
		fprintf(out, "%.*s\n", (int)length, name);
		name += length + strspn(name + length, " ");
	}
}

static void print_hosts(FILE *out, const char *of)
{
	cleanup(host_list_release) struct host_list list = {0};
	if (host_list_read(&list, NULL))
		return;
	for (size_t i = 0; i < list.count; i++)
		if (list.entries[i].process)
			fprintf(out, "%s\n", list.entries[i].name);
}

static void print_verbs(FILE *out, const char *of)
{
	for (size_t i = 0; verbs[i]; i++)
		fprintf(out, "%s\n", verbs[i]->name);
}

static void print_arguments(FILE *out, const char *function)
{
	for (size_t i = 0; function && i < example_function_count; i++)
		if (example_functions[i].task && !strcmp(example_functions[i].name, function))
			print_models(out, example_functions[i].task);
}

/* Names in a list of the gateway's. Nobody waits for one that does not answer. */
static void print_remote(FILE *out, const char *path)
{
	const struct gateway_values values = {.patience_ns = REMOTE_PATIENCE_NS};
	cleanup(gateway_release) struct gateway gateway = {0};
	size_t index;
	json_t *list = NULL;
	const json_t *entry;
	if (gateway_find(&gateway, &values, NULL, NULL) ||
	    gateway_ask(&gateway, "GET", path, NULL, &list, NULL))
		return;
	json_array_foreach(list, index, entry)
	{
		const char *name = json_string_value(json_object_get(entry, "name"));
		if (name && !gateway_check_name(name, "name", NULL))
			fprintf(out, "%s\n", name);
	}
	json_decref(list);
}

static void print_deployed(FILE *out, const char *of)
{
	print_remote(out, "/system/functions");
}

static void print_secrets(FILE *out, const char *of)
{
	print_remote(out, "/system/secrets");
}

int completion_print_words(FILE *out, const char *kind, const char *of, struct error *error)
{
	static const struct {
		const char *name;
		void (*print)(FILE *out, const char *of);
	} kinds[] = {
	    {"functions", print_functions}, {"models", print_installed},
	    {"fetched", print_fetched},	    {"hosts", print_hosts},
	    {"verbs", print_verbs},	    {"arguments", print_arguments},
	    {"deployed", print_deployed},   {"secrets", print_secrets},
	};
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (strcmp(kinds[i].name, kind) != 0)
			continue;
		kinds[i].print(out, of);
		return 0;
	}
	return error_set(error, EINVAL, "there are no words of the kind '%.64s'", kind);
}
