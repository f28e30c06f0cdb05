/* The command of a root image; see image_command.h. */
#include "monitor/target/image_command.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <string.h>

#include "monitor/target/image_user.h"
#include "root/pack.h"
#include "util/cleanup.h"

#define DESCRIPTION	ROOT_DESCRIPTION
#define DESCRIPTION_MAX (64UL << 10)

static int unsound(struct error *error, const char *what)
{
	return error_set(error, EINVAL, DESCRIPTION ": %s", what);
}

/* Takes a list of texts; `list` may be NULL, which is an empty one. */
static int take_words(const json_t *list, const char **words, size_t *count, const char *what,
		      struct error *error)
{
	if (list && !json_is_array(list))
		return unsound(error, what);
	*count = json_array_size(list);
	if (*count > IMAGE_COMMAND_WORDS_MAX)
		return unsound(error, what);
	for (size_t i = 0; i < *count; i++) {
		words[i] = json_string_value(json_array_get(list, i));
		if (!words[i])
			return unsound(error, what);
	}
	return 0;
}

static int take_environment(struct image_command *command, const json_t *root, struct error *error)
{
	int result = take_words(json_object_get(root, "environment"), command->environment,
				&command->environment_count,
				"\"environment\" must be a list of texts", error);
	for (size_t i = 0; i < command->environment_count && !result; i++)
		if (!strchr(command->environment[i], '=') || command->environment[i][0] == '=')
			result = unsound(error, "\"environment\" wants NAME=VALUE");
	return result;
}

/* A text that may be missing: then *text is NULL, as where it is empty. */
static int take_text(const json_t *root, const char *key, const char **text, struct error *error)
{
	const json_t *value = json_object_get(root, key);
	*text = json_string_value(value);
	if (value && !*text)
		return unsound(error, "\"directory\" and \"user\" must be texts");
	if (*text && !**text)
		*text = NULL;
	return 0;
}

static int parse(struct image_command *command, const struct root_tree *tree, const char *data,
		 size_t size, struct error *error)
{
	json_error_t reason;
	const char *user = NULL;
	json_t *root = json_loadb(data, size, 0, &reason);
	command->description = root;
	if (!root)
		return unsound(error, reason.text);
	int result = take_words(json_object_get(root, "command"), command->words,
				&command->word_count, "\"command\" must be a list of texts", error);
	if (!result)
		result = take_words(json_object_get(root, "arguments"), command->arguments,
				    &command->argument_count,
				    "\"arguments\" must be a list of texts", error);
	if (!result)
		result = take_environment(command, root, error);
	if (!result)
		result = take_text(root, "directory", &command->directory, error);
	if (!result)
		result = take_text(root, "user", &user, error);
	if (!result && user)
		result = image_user_find(tree, user, &command->user, &command->group, error);
	return result;
}

int image_command_read(struct image_command *command, const char *path, struct error *error)
{
	char resolved[PATH_MAX];
	struct root_file file;
	uint8_t *contents = NULL;
	size_t size;
	cleanup(root_image_release) struct root_image image = {.fd = -1};
	*command = (struct image_command){0};
	int result = root_open(&image, path, error);
	if (result)
		return result;
	if (root_tree_find(&image.tree, DESCRIPTION, &file, resolved))
		return 0;
	result =
	    root_tree_read(&image.tree, resolved, &file, DESCRIPTION_MAX, &contents, &size, error);
	cleanup_free uint8_t *data = contents;
	if (!result)
		result = parse(command, &image.tree, (const char *)data, size, error);
	return result ? error_wrap(error, "%s", path) : 0;
}

int image_command_check(const struct image_command *command, const char *path, struct error *error)
{
	if (command->word_count || command->argument_count)
		return 0;
	if (!command->description)
		return error_set(error, ENOENT,
				 "%s is a root image that names no command (in " DESCRIPTION
				 "): say what to run, as in --root %s PROGRAM",
				 path, path);
	unsound(error, "\"command\" is missing: it names the program");
	return error_wrap(error, "%s", path);
}

void image_command_release(struct image_command *command)
{
	json_decref(command->description);
	*command = (struct image_command){0};
}
