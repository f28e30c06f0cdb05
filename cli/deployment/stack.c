/* Stack files; see stack.h. */
#include "cli/deployment/stack.h"

#include <errno.h>
#include <fnmatch.h>
#include <limits.h>
#include <regex.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "cli/deployment/substitute.h"
#include "cli/deployment/yaml_tree.h"
#include "options/suggest.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/file.h"
#include "util/log.h"

#define STACK_BYTES_MAX (4UL << 20)

/* The function that is read, and where it goes. */
struct reading {
	const char *name, *folder;
	json_t *deployment;
	struct error *error;
};

/* ── fields ────────────────────────────────────────────────────────────────────────────────── */

static const char *kind_of(const json_t *value)
{
	return json_is_object(value) ? "a mapping" : json_is_array(value) ? "a list" : "a text";
}

static int wrong_kind(const struct reading *reading, const char *field, const json_t *value,
		      const char *wanted)
{
	return error_set(reading->error, EINVAL, "functions.%.64s.%.128s has to be %s, not %s",
			 reading->name, field, wanted, kind_of(value));
}

static int no_memory(const struct reading *reading)
{
	return error_set(reading->error, ENOMEM, "no memory for a stack file");
}

static int put(const struct reading *reading, const char *member, json_t *value)
{
	return json_object_set_new(reading->deployment, member, value) ? no_memory(reading) : 0;
}

static int read_text(const struct reading *reading, const char *field, const char *member,
		     const json_t *value)
{
	if (!json_is_string(value))
		return wrong_kind(reading, field, value, "a text");
	return put(reading, member, json_copy((json_t *)value));
}

static int read_truth(const struct reading *reading, const char *field, const char *member,
		      const json_t *value)
{
	const char *text = json_string_value(value);
	bool yes = text && (!strcasecmp(text, "true") || !strcasecmp(text, "yes"));
	bool no = text && (!strcasecmp(text, "false") || !strcasecmp(text, "no"));
	if (!yes && !no)
		return error_set(reading->error, EINVAL,
				 "functions.%.64s.%s has to be true or false", reading->name,
				 field);
	return put(reading, member, json_boolean(yes));
}

static int read_texts(const struct reading *reading, const char *field, const char *member,
		      const json_t *value)
{
	size_t index;
	const json_t *entry;
	if (!json_is_array(value))
		return wrong_kind(reading, field, value, "a list");
	json_array_foreach(value, index, entry)
	{
		if (!json_is_string(entry))
			return error_set(reading->error, EINVAL,
					 "functions.%.64s.%s has to be a list of texts",
					 reading->name, field);
	}
	return put(reading, member, json_copy((json_t *)value));
}

/* Adds to what is there already. */
static int read_pairs(const struct reading *reading, const char *field, const char *member,
		      const json_t *value)
{
	const char *key;
	json_t *entry, *pairs = json_object_get(reading->deployment, member);
	if (!json_is_object(value))
		return wrong_kind(reading, field, value, "a mapping");
	if (!pairs) {
		pairs = json_object();
		if (put(reading, member, pairs))
			return -ENOMEM;
	}
	json_object_foreach((json_t *)value, key, entry)
	{
		char whole[200];
		snprintf(whole, sizeof(whole), "%s.%s", field, key);
		if (!json_is_string(entry) && !json_is_null(entry))
			return wrong_kind(reading, whole, entry, "a text");
		json_t *text = json_is_null(entry) ? json_string("") : json_incref(entry);
		if (json_object_set_new(pairs, key, text))
			return no_memory(reading);
	}
	return 0;
}

static void locate(const char *folder, const char *path, char *out, size_t size)
{
	bool whole = *path == '/' || !strcmp(folder, ".");
	snprintf(out, size, "%s%s%s", whole ? "" : folder, whole ? "" : "/", path);
}

/* An image in the folder, or somewhere relative to it, is meant so: as in the stack file. */
static int read_image(const struct reading *reading, const char *field, const char *member,
		      const json_t *value)
{
	char path[PATH_MAX];
	const char *text = json_string_value(value);
	if (!text || (strncmp(text, "./", 2) != 0 && strncmp(text, "../", 3) != 0))
		return read_text(reading, field, member, value);
	locate(reading->folder, text, path, sizeof(path));
	return put(reading, member, json_string(path));
}

static int read_environment_file(const struct reading *reading, const char *path)
{
	char place[PATH_MAX];
	cleanup_free uint8_t *text = NULL;
	size_t length;
	json_t *tree;
	locate(reading->folder, path, place, sizeof(place));
	int result = file_read(place, STACK_BYTES_MAX, &text, &length, reading->error);
	if (!result) {
		result = yaml_tree_read((const char *)text, length, &tree, reading->error);
		if (result)
			error_wrap(reading->error, "%s", place);
	}
	if (result)
		return error_wrap(reading->error, "functions.%.64s.environment_file",
				  reading->name);
	const json_t *environment = json_object_get(tree, "environment");
	if (environment)
		result = read_pairs(reading, "environment_file", "envVars", environment);
	else
		result = error_set(reading->error, EINVAL,
				   "functions.%.64s.environment_file: %s has no 'environment'",
				   reading->name, place);
	json_decref(tree);
	return result;
}

static int read_environment_files(const struct reading *reading, const char *field,
				  const char *member, const json_t *value)
{
	size_t index;
	const json_t *entry;
	if (json_is_string(value))
		return read_environment_file(reading, json_string_value(value));
	if (!json_is_array(value))
		return wrong_kind(reading, field, value, "a list");
	json_array_foreach(value, index, entry)
	{
		if (!json_is_string(entry))
			return wrong_kind(reading, field, entry, "a list of texts");
		int result = read_environment_file(reading, json_string_value(entry));
		if (result)
			return result;
	}
	return 0;
}

/* ── functions ─────────────────────────────────────────────────────────────────────────────── */

/* In the order in which they count: files of variables are put over the variables, as faas-cli does
 * it. Those without `read` are for building, which is not done here. */
static const struct field {
	const char *name, *member;
	int (*read)(const struct reading *reading, const char *field, const char *member,
		    const json_t *value);
} fields[] = {
    {"image", "image", read_image},
    {"namespace", "namespace", read_text},
    {"fprocess", "envProcess", read_text},
    {"environment", "envVars", read_pairs},
    {"environment_file", "envVars", read_environment_files},
    {"secrets", "secrets", read_texts},
    {"labels", "labels", read_pairs},
    {"annotations", "annotations", read_pairs},
    {"limits", "limits", read_pairs},
    {"requests", "requests", read_pairs},
    {"constraints", "constraints", read_texts},
    {"readonly_root_filesystem", "readOnlyRootFilesystem", read_truth},
    {"lang", NULL, NULL},
    {"handler", NULL, NULL},
    {"skip_build", NULL, NULL},
    {"build_options", NULL, NULL},
    {"build_args", NULL, NULL},
    {"build_secrets", NULL, NULL},
    {"platforms", NULL, NULL},
};

static void warn_of_unknown(const char *where, const char *name, const char *const *known,
			    size_t count)
{
	struct suggestion suggestion;
	suggest_begin(&suggestion, name);
	for (size_t i = 0; i < count; i++) {
		if (!strcmp(known[i], name))
			return;
		suggest_offer(&suggestion, known[i]);
	}
	if (suggestion.nearest)
		log_warn("%s%s means nothing here and is left out: did you mean %s?", where, name,
			 suggestion.nearest);
	else
		log_warn("%s%s means nothing here and is left out", where, name);
}

static void warn_of_fields(const struct reading *reading, const json_t *function)
{
	const char *names[ARRAY_SIZE(fields)], *key;
	const json_t *value;
	char where[100];
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		names[i] = fields[i].name;
	snprintf(where, sizeof(where), "functions.%.64s.", reading->name);
	json_object_foreach((json_t *)function, key, value)
	{
		warn_of_unknown(where, key, names, ARRAY_SIZE(names));
	}
}

static int read_function(const char *name, const json_t *function, const char *folder,
			 json_t *functions, struct error *error)
{
	struct reading reading = {.name = name, .folder = folder, .error = error};
	if (!json_is_object(function))
		return error_set(error, EINVAL, "functions.%.64s has to be a mapping", name);
	warn_of_fields(&reading, function);
	reading.deployment = json_pack("{s:s}", "service", name);
	if (!reading.deployment || json_array_append_new(functions, reading.deployment))
		return no_memory(&reading);
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		const json_t *value = json_object_get(function, fields[i].name);
		if (!value || json_is_null(value) || !fields[i].read)
			continue;
		int result = fields[i].read(&reading, fields[i].name, fields[i].member, value);
		if (result)
			return result;
	}
	const char *image = json_string_value(json_object_get(reading.deployment, "image"));
	if (!image || !*image)
		return error_set(error, EINVAL, "functions.%.64s.image is missing", name);
	return 0;
}

/* ── the file ──────────────────────────────────────────────────────────────────────────────── */

static int read_provider(const json_t *tree, struct stack *stack, struct error *error)
{
	const json_t *provider = json_object_get(tree, "provider");
	const json_t *gateway = json_object_get(provider, "gateway");
	if (provider && !json_is_null(provider) && !json_is_object(provider))
		return error_set(error, EINVAL, "provider has to be a mapping");
	const char *name = json_string_value(json_object_get(provider, "name"));
	if (name && strcmp(name, "openfaas") != 0 && strcmp(name, "mayfly") != 0)
		return error_set(error, EINVAL,
				 "provider.name is '%.64s': only openfaas and mayfly are known",
				 name);
	if (!gateway || json_is_null(gateway))
		return 0;
	if (!json_is_string(gateway))
		return error_set(error, EINVAL, "provider.gateway has to be a text");
	stack->gateway = strdup(json_string_value(gateway));
	return stack->gateway ? 0 : error_set(error, ENOMEM, "no memory for a stack file");
}

static int read_functions(const json_t *tree, const char *folder, const struct stack_choice *choice,
			  const regex_t *regex, struct stack *stack, struct error *error)
{
	const char *name;
	const json_t *function, *functions = json_object_get(tree, "functions");
	if (!json_is_object(functions) || !json_object_size(functions))
		return error_set(error, EINVAL, "functions is missing: there is nothing to deploy");
	json_object_foreach((json_t *)functions, name, function)
	{
		if (choice->filter && fnmatch(choice->filter, name, 0) != 0)
			continue;
		if (regex && regexec(regex, name, 0, NULL, 0) != 0)
			continue;
		int result = read_function(name, function, folder, stack->functions, error);
		if (result)
			return result;
	}
	if (json_array_size(stack->functions))
		return 0;
	return error_set(error, EINVAL, "no function has a name that --filter or --regex takes");
}

static int read_tree(const json_t *tree, const char *folder, const struct stack_choice *choice,
		     struct stack *stack, struct error *error)
{
	static const char *const known[] = {"version", "provider", "functions", "configuration"};
	const char *key;
	const json_t *value;
	regex_t regex;
	/* As elsewhere in YAML, "x-" is for what the file itself refers to. */
	json_object_foreach((json_t *)tree, key, value)
	{
		if (strncmp(key, "x-", 2) != 0)
			warn_of_unknown("", key, known, ARRAY_SIZE(known));
	}
	int result = read_provider(tree, stack, error);
	if (result)
		return result;
	if (choice->regex && regcomp(&regex, choice->regex, REG_EXTENDED | REG_NOSUB))
		return error_set(error, EINVAL, "--regex: '%.64s' is no regular expression",
				 choice->regex);
	result = read_functions(tree, folder, choice, choice->regex ? &regex : NULL, stack, error);
	if (choice->regex)
		regfree(&regex);
	return result;
}

int stack_parse(const char *text, const char *folder, const struct stack_choice *choice,
		struct stack *stack, struct error *error)
{
	cleanup_free char *whole = NULL;
	size_t length;
	json_t *tree = NULL;
	*stack = (struct stack){.functions = json_array()};
	if (!stack->functions)
		return error_set(error, ENOMEM, "no memory for a stack file");
	int result = substitute_variables(text, &whole, &length, error);
	if (!result)
		result = yaml_tree_read(whole, length, &tree, error);
	if (!result)
		result = read_tree(tree, folder, choice, stack, error);
	json_decref(tree);
	return result;
}

/* Standard input, too. */
static int read_text_of(const char *path, char **text, struct error *error)
{
	uint8_t *bytes = NULL;
	size_t length;
	*text = NULL;
	if (strcmp(path, "-") != 0) {
		int result = file_read(path, STACK_BYTES_MAX, &bytes, &length, error);
		*text = (char *)bytes;
		return result;
	}
	*text = calloc(1, STACK_BYTES_MAX + 2);
	if (!*text)
		return error_set(error, ENOMEM, "no memory for a stack file");
	ssize_t count = file_read_full(STDIN_FILENO, *text, STACK_BYTES_MAX + 1);
	if (count < 0)
		return error_set_errno(error, (int)-count, "cannot read standard input");
	if ((size_t)count > STACK_BYTES_MAX)
		return error_set(error, EFBIG, "standard input is too long for a stack file");
	return 0;
}

int stack_read(const char *path, const struct stack_choice *choice, struct stack *stack,
	       struct error *error)
{
	char folder[PATH_MAX];
	cleanup_free char *text = NULL;
	*stack = (struct stack){0};
	int result = read_text_of(path, &text, error);
	if (result)
		return result;
	snprintf(folder, sizeof(folder), "%s", path);
	char *slash = strrchr(folder, '/');
	if (slash)
		slash[slash == folder] = 0;
	result = stack_parse(text, slash ? folder : ".", choice, stack, error);
	return result ? error_wrap(error, "%s", path) : 0;
}

void stack_release(struct stack *stack)
{
	free(stack->gateway);
	json_decref(stack->functions);
	*stack = (struct stack){0};
}
