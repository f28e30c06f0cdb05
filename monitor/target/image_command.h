/* What a root image says about its program: what `mayfly run IMAGE` runs in it, and how.
 *
 * An image may hold it as /etc/mayfly/function.json:
 *
 *     {"command": ["/path/in/the/root", "word", ...],   what always runs
 *      "arguments": ["word", ...],                      what follows unless others are given
 *      "environment": ["NAME=VALUE", ...],
 *      "directory": "/where/it/starts",
 *      "user": "name or number, : and group may follow"}
 *
 * Each may be missing. Of a container's image they are Entrypoint, Cmd, Env, WorkingDir and User.
 */
#ifndef MAYFLY_MONITOR_IMAGE_COMMAND_H
#define MAYFLY_MONITOR_IMAGE_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/error.h"

#define IMAGE_COMMAND_WORDS_MAX 256 /* of command, arguments and environment, each */

struct image_command {
	const char *words[IMAGE_COMMAND_WORDS_MAX];
	size_t word_count;
	const char *arguments[IMAGE_COMMAND_WORDS_MAX];
	size_t argument_count;
	const char *environment[IMAGE_COMMAND_WORDS_MAX];
	size_t environment_count;
	const char *directory; /* NULL: none is named */
	uint32_t user, group;
	void *description; /* what they point into */
};

/* Reads what `path`, a root image or what can be packed into one, says about its program. If it
 * says nothing, the command is empty. EINVAL where the description is not sound. Release by
 * image_command_release(), whatever comes back. */
int image_command_read(struct image_command *command, const char *path, struct error *error);

/* What runs where the user names no program: command and arguments. ENOENT where the image names
 * none; `path` is for the message. */
int image_command_check(const struct image_command *command, const char *path, struct error *error);
void image_command_release(struct image_command *command);

#endif
