/* mayfly-oci list: all containers. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>

#include "oci/commands/command.h"
#include "util/cleanup.h"

enum { FORMAT_TABLE, FORMAT_JSON };

static const char *const formats[] = {[FORMAT_TABLE] = "table", [FORMAT_JSON] = "json", NULL};

struct list_values {
	int format;
	bool quiet;
};

static const struct option_spec options[] = {
    {"format", 'f', OPTION_CHOICE, offsetof(struct list_values, format), "FORMAT",
     "how to print them", .choices = formats},
    {"quiet", 'q', OPTION_FLAG, offsetof(struct list_values, quiet), NULL, "only their names"},
};

/* One that vanishes meanwhile is left out, and so is one that another runtime has. */
static int add(json_t *list, const char *root, const char *id)
{
	cleanup(container_close) struct container container = CONTAINER_NONE;
	if (container_check_id(id, NULL) || container_open(&container, root, id, NULL) ||
	    *container.runtime)
		return 0;
	return json_array_append_new(
	    list, container_describe(&container, container_find_status(&container), true));
}

static int gather(json_t *list, const char *root, struct error *error)
{
	cleanup_closedir DIR *directory = opendir(root);
	if (!directory && errno == ENOENT)
		return 0;
	if (!directory)
		return error_set_errno(error, errno, "cannot list %s", root);
	const struct dirent *entry;
	while ((entry = readdir(directory)))
		if (add(list, root, entry->d_name))
			return error_set(error, ENOMEM, "no memory for a list");
	return 0;
}

static const char *text_of(const json_t *one, const char *key)
{
	const char *text = json_string_value(json_object_get(one, key));
	return text ? text : "";
}

static void print_table(const json_t *list, bool quiet)
{
	size_t i;
	const json_t *one;
	if (!quiet)
		printf("%-32s %8s %-9s %-21s %s\n", "ID", "PID", "STATUS", "CREATED", "BUNDLE");
	json_array_foreach(list, i, one)
	{
		if (quiet)
			puts(text_of(one, "id"));
		else
			printf("%-32s %8d %-9s %-21s %s\n", text_of(one, "id"),
			       (int)json_integer_value(json_object_get(one, "pid")),
			       text_of(one, "status"), text_of(one, "created"),
			       text_of(one, "bundle"));
	}
}

static int run(const void *values, const struct globals *globals, const struct operands *operands,
	       struct error *error)
{
	const struct list_values *chosen = values;
	json_t *list = json_array();
	int result = list ? gather(list, globals->root, error)
			  : error_set(error, ENOMEM, "no memory for a list");
	if (result) {
		json_decref(list);
		return result;
	}
	if (chosen->format == FORMAT_JSON && !chosen->quiet)
		return command_print(list, error);
	print_table(list, chosen->quiet);
	json_decref(list);
	return 0;
}

const struct command command_list = {
    .name = "list",
    .usage = "",
    .summary = "list the containers",
    .options = options,
    .option_count = ARRAY_SIZE(options),
    .defaults = &(const struct list_values){0},
    .values_size = sizeof(struct list_values),
    .run = run,
};
