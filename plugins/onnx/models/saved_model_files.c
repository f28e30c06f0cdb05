/* Files of SavedModels; see saved_model_files.h. */
#include "saved_model_files.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/trust.h"

#define FILES_MAX 1024

struct survey {
	const char *path;
	size_t files, bytes;
	char hash[HASH_HEX_SIZE]; /* of all so far */
};

static int add_file(struct survey *survey, const char *name, struct error *error)
{
	char path[PATH_MAX];
	struct stat status;
	if (snprintf(path, sizeof(path), "%s/%s", survey->path, name) >= (int)sizeof(path))
		return error_set(error, ENAMETOOLONG, "a path in %s is too long", survey->path);
	if (stat(path, &status))
		return error_set_errno(error, errno, "cannot open %s", path);
	if (!S_ISREG(status.st_mode))
		return error_set(error, EINVAL, "%s is no file", path);
	if (++survey->files > FILES_MAX)
		return error_set(error, EINVAL, "%s has more than %d files", survey->path,
				 FILES_MAX);
	if (add_overflows(survey->bytes, (size_t)status.st_size, &survey->bytes))
		return error_set(error, EFBIG, "%s is too large", survey->path);
	/* What came before, the name, the content. */
	char text[2 * HASH_HEX_SIZE + NAME_MAX + 64];
	char hash[HASH_HEX_SIZE];
	int result = trust_path(path, error);
	if (!result)
		result = hash_file(path, hash, error);
	if (result)
		return result;
	int length = snprintf(text, sizeof(text), "%s %s %s", survey->hash, name, hash);
	return hash_buffer(text, (size_t)length, survey->hash, error);
}

/* A directory below, which may be missing. */
static int add_folder(struct survey *survey, const char *folder, struct error *error)
{
	char path[PATH_MAX];
	struct dirent **entries = NULL;
	if (snprintf(path, sizeof(path), "%s/%s", survey->path, folder) >= (int)sizeof(path))
		return error_set(error, ENAMETOOLONG, "a path in %s is too long", survey->path);
	int count = scandir(path, &entries, NULL, alphasort), result = 0;
	if (count < 0)
		return errno == ENOENT ? 0 : error_set_errno(error, errno, "cannot read %s", path);
	for (int i = 0; i < count; i++) {
		char name[NAME_MAX + 16];
		snprintf(name, sizeof(name), "%s/%s", folder, entries[i]->d_name);
		if (!result && entries[i]->d_name[0] != '.')
			result = add_file(survey, name, error);
		free(entries[i]);
	}
	free(entries);
	return result;
}

int saved_model_files_read(const char *path, char hash[HASH_HEX_SIZE], size_t *bytes,
			   struct error *error)
{
	struct survey survey = {.path = path};
	int result = add_file(&survey, SAVED_MODEL_FILE, error);
	if (!result)
		result = add_folder(&survey, "variables", error);
	if (!result)
		result = add_folder(&survey, "assets", error);
	memcpy(hash, survey.hash, HASH_HEX_SIZE);
	*bytes = survey.bytes;
	return result;
}
