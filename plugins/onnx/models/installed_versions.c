/* Which of the installed versions of a model is meant by its name alone. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "model.h"
#include "util/cleanup.h"
#include "util/paths.h"

static bool is_version_of(const char *folder, const char *name)
{
	const size_t length = strlen(name);
	return model_name_is_valid(folder) && model_name_base_length(folder) == length &&
	       !strncmp(folder, name, length);
}

int installed_versions_latest(const char *name, char folder[MODEL_NAME_SIZE])
{
	char path[PATH_MAX];
	if (name[model_name_base_length(name)]) {
		memcpy(folder, name, strlen(name) + 1);
		return 0;
	}
	int result = paths_cache(path, sizeof(path), "models", NULL);
	if (result)
		return result;
	cleanup_closedir DIR *directory = opendir(path);
	if (!directory)
		return -errno;
	folder[0] = 0;
	for (const struct dirent *entry; (entry = readdir(directory));)
		if (is_version_of(entry->d_name, name) &&
		    (!folder[0] || model_name_compare_versions(entry->d_name, folder) > 0))
			memcpy(folder, entry->d_name, strlen(entry->d_name) + 1);
	return folder[0] ? 0 : -ENOENT;
}
