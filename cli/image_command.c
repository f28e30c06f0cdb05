/* The command of a root image; see image_command.h. */
#include "cli/image_command.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <string.h>

#include "root/image.h"
#include "util/cleanup.h"

#define DESCRIPTION	"/etc/mayfly/function.json"
#define DESCRIPTION_MAX (64UL << 10)

bool image_command_recognise(const char *path)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	return fd >= 0 && root_image_recognise(fd);
}

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

static int parse(struct image_command *command, const char *data, size_t size, struct error *error)
{
	json_error_t reason;
	json_t *root = json_loadb(data, size, 0, &reason);
	command->description = root;
	if (!root)
		return unsound(error, reason.text);
	int result = take_words(json_object_get(root, "command"), command->words,
				&command->word_count, "\"command\" must be a list of texts", error);
	if (!result && !command->word_count)
		result = unsound(error, "\"command\" is missing: it names the program");
	if (!result)
		result = take_words(json_object_get(root, "environment"), command->environment,
				    &command->environment_count,
				    "\"environment\" must be a list of texts", error);
	for (size_t i = 0; i < command->environment_count && !result; i++)
		if (!strchr(command->environment[i], '=') || command->environment[i][0] == '=')
			result = unsound(error, "\"environment\" wants NAME=VALUE");
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
	int result = root_image_open(&image, path, error);
	if (result)
		return result;
	if (root_tree_find(&image.tree, DESCRIPTION, &file, resolved))
		return error_set(error, ENOENT,
				 "%s is a root image that names no command (in " DESCRIPTION
				 "): say what to run, as in --root %s PROGRAM",
				 path, path);
	result =
	    root_tree_read(&image.tree, resolved, &file, DESCRIPTION_MAX, &contents, &size, error);
	cleanup_free uint8_t *data = contents;
	if (!result)
		result = parse(command, (const char *)data, size, error);
	return result ? error_wrap(error, "%s", path) : 0;
}

void image_command_release(struct image_command *command)
{
	json_decref(command->description);
	*command = (struct image_command){0};
}
