/* Secrets as files of a program; see images.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/images/images.h"
#include "mayfly/function.h"

#define NAME_SIZE 256

static int check_name(const char *name, struct error *error)
{
	if (!*name || strchr(name, '/') || !strcmp(name, ".") || !strcmp(name, "..") ||
	    strlen(name) >= NAME_SIZE)
		return error_set(error, EINVAL, "secrets: '%s' is no name for a file", name);
	return 0;
}

int image_secret_files(const struct image_secret *secrets, size_t count, struct mayfly_file **files,
		       struct error *error)
{
	enum { PATH_SIZE = sizeof(IMAGE_SECRETS_DIRECTORY "/") + NAME_SIZE };
	*files = NULL;
	if (!count)
		return 0;
	struct mayfly_file *list = calloc(count, sizeof(*list) + PATH_SIZE);
	if (!list)
		return error_set(error, ENOMEM, "no memory for secrets");
	char *path = (char *)(list + count);
	for (size_t i = 0; i < count; i++, path += PATH_SIZE) {
		int result = check_name(secrets[i].name, error);
		if (result) {
			free(list);
			return result;
		}
		snprintf(path, PATH_SIZE, IMAGE_SECRETS_DIRECTORY "/%s", secrets[i].name);
		list[i] = (struct mayfly_file){.path = path,
					       .data = secrets[i].value,
					       .length = secrets[i].length,
					       .mode = 0400};
	}
	*files = list;
	return 0;
}
