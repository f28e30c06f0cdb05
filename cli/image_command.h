/* The command of a root image: what `mayfly run IMAGE` runs in it.
 *
 * An image may hold it as /etc/mayfly/function.json: {"command": ["/path/in/the/root", "word",
 * ...], "environment": ["NAME=VALUE", ...]}, of which the latter may be missing.
 */
#ifndef MAYFLY_CLI_IMAGE_COMMAND_H
#define MAYFLY_CLI_IMAGE_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#include "util/error.h"

#define IMAGE_COMMAND_WORDS_MAX 256 /* of command and environment, each */

struct image_command {
	const char *words[IMAGE_COMMAND_WORDS_MAX];
	size_t word_count; /* at least 1 */
	const char *environment[IMAGE_COMMAND_WORDS_MAX];
	size_t environment_count;
	void *description; /* what they point into */
};

/* True for a file that begins as a root image does. */
bool image_command_recognise(const char *path);

/* Reads the command of the image `path`. ENOENT where it has none, EINVAL where the description is
 * not sound. Release by image_command_release(), whatever comes back. */
int image_command_read(struct image_command *command, const char *path, struct error *error);
void image_command_release(struct image_command *command);

#endif
