/* The models in the cache; see inventory.h.
 *
 * The manifest is what models/fetch.py writes: lines of 64 hexadecimal digits, two spaces and a
 * path below the cache.
 */
#include "cli/inventory.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "util/cleanup.h"
#include "util/file.h"
#include "util/hash.h"

#define MANIFEST_MAX	(4UL << 20)
#define DESCRIPTION_MAX (64UL << 10)
#define MODELS_MAX	4096
#define HASH_DIGITS	(HASH_HEX_SIZE - 1)
#define PATH_COLUMN	(HASH_DIGITS + 2)

static int format_path(char *out, size_t size, const char *folder, const char *name,
		       struct error *error)
{
	int length = snprintf(out, size, "%s/%s", folder, name);
	if (length < 0 || (size_t)length >= size)
		return error_set(error, ENAMETOOLONG, "path too long: %.64s/%.64s", folder, name);
	return 0;
}

/* An absent manifest is an empty one. */
static int read_manifest(const char *cache, char **text, struct error *error)
{
	char path[PATH_MAX];
	int result = format_path(path, sizeof(path), cache, "manifest.sha256", error);
	if (result)
		return result;
	uint8_t *data = NULL;
	size_t length;
	result = file_read(path, MANIFEST_MAX, &data, &length, error);
	if (result == -ENOENT) {
		*text = strdup("");
		return *text ? 0 : error_set_errno(error, ENOMEM, "no memory for %s", path);
	}
	*text = (char *)data;
	return result;
}

/* Checks every file that the manifest lists below `folder`/. */
static int check_listed(const char *manifest, const char *cache, const char *folder,
			enum model_state *state, struct error *error)
{
	size_t folder_length = strlen(folder);
	*state = MODEL_UNKNOWN;
	for (const char *line = manifest; *line;) {
		size_t length = strcspn(line, "\n");
		const char *next = line[length] ? line + length + 1 : line + length;
		const char *name = line + PATH_COLUMN;
		if (length > PATH_COLUMN + folder_length && name[folder_length] == '/' &&
		    !strncmp(name, folder, folder_length)) {
			char relative[PATH_MAX], path[PATH_MAX], hex[HASH_HEX_SIZE];
			snprintf(relative, sizeof(relative), "%.*s", (int)(length - PATH_COLUMN),
				 name);
			int result = format_path(path, sizeof(path), cache, relative, error);
			if (result)
				return result;
			if (hash_file(path, hex, NULL) || strncmp(hex, line, HASH_DIGITS) != 0) {
				*state = MODEL_CHANGED;
				return 0;
			}
			*state = MODEL_GOOD;
		}
		line = next;
	}
	return 0;
}

int inventory_check_folder(const char *cache, const char *folder, enum model_state *state,
			   struct error *error)
{
	cleanup_free char *manifest = NULL;
	int result = read_manifest(cache, &manifest, error);
	return result ? result : check_listed(manifest, cache, folder, state, error);
}

static uint64_t folder_bytes(const char *folder)
{
	cleanup_closedir DIR *directory = opendir(folder);
	uint64_t bytes = 0;
	struct dirent *entry;
	while (directory && (entry = readdir(directory))) {
		struct stat status;
		if (!fstatat(dirfd(directory), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) &&
		    S_ISREG(status.st_mode))
			bytes += (uint64_t)status.st_size;
	}
	return bytes;
}

/* Takes the value of "task = …" out of a model's description; "" where there is none. The plugin
 * reads descriptions in full and complains about them; a list does not. */
static void read_task(const char *folder, char task[INVENTORY_NAME_MAX])
{
	char path[PATH_MAX];
	cleanup_free uint8_t *data = NULL;
	size_t length;
	task[0] = 0;
	if (format_path(path, sizeof(path), folder, "model.txt", NULL) ||
	    file_read(path, DESCRIPTION_MAX, &data, &length, NULL))
		return;
	char *rest = (char *)data;
	for (char *line; (line = strsep(&rest, "\n"));) {
		char value[INVENTORY_NAME_MAX];
		if (sscanf(line, " task = %63s", value) == 1) {
			memcpy(task, value, sizeof(value));
			return;
		}
	}
}

static int add_model(struct inventory *inventory, const char *cache, const char *manifest,
		     const char *name, struct error *error)
{
	struct model_entry *models =
	    reallocarray(inventory->models, inventory->count + 1, sizeof(*models));
	if (!models)
		return error_set_errno(error, ENOMEM, "no memory for the list of models");
	inventory->models = models;
	struct model_entry *model = &models[inventory->count++];
	memset(model, 0, sizeof(*model));
	snprintf(model->name, sizeof(model->name), "%.*s", INVENTORY_NAME_MAX - 1, name);
	char relative[sizeof("models/") + NAME_MAX], folder[PATH_MAX];
	snprintf(relative, sizeof(relative), "models/%s", name);
	int result = format_path(folder, sizeof(folder), cache, relative, error);
	if (result)
		return result;
	read_task(folder, model->task);
	model->bytes = folder_bytes(folder);
	return check_listed(manifest, cache, relative, &model->state, error);
}

static int compare_names(const void *a, const void *b)
{
	const struct model_entry *left = a, *right = b;
	return strcmp(left->name, right->name);
}

bool inventory_is_name(const char *name)
{
	size_t length = strlen(name);
	bool is_plain = length && length < INVENTORY_NAME_MAX && name[0] != '.';
	for (size_t i = 0; is_plain && i < length; i++)
		is_plain = isalnum((unsigned char)name[i]) || strchr("._-", name[i]);
	return is_plain;
}

int inventory_read(struct inventory *inventory, const char *cache, struct error *error)
{
	memset(inventory, 0, sizeof(*inventory));
	char path[PATH_MAX];
	int result = format_path(path, sizeof(path), cache, "models", error);
	if (result)
		return result;
	cleanup_closedir DIR *directory = opendir(path);
	if (!directory && errno == ENOENT)
		return 0;
	if (!directory)
		return error_set_errno(error, errno, "cannot read the models in %s", path);
	cleanup_free char *manifest = NULL;
	result = read_manifest(cache, &manifest, error);
	struct dirent *entry;
	while (!result && inventory->count < MODELS_MAX && (entry = readdir(directory))) {
		if (inventory_is_name(entry->d_name))
			result = add_model(inventory, cache, manifest, entry->d_name, error);
	}
	if (inventory->count)
		qsort(inventory->models, inventory->count, sizeof(*inventory->models),
		      compare_names);
	return result;
}

void inventory_release(struct inventory *inventory)
{
	free(inventory->models);
	memset(inventory, 0, sizeof(*inventory));
}

const char *inventory_state_name(enum model_state state)
{
	switch (state) {
	case MODEL_GOOD:
		return "ok";
	case MODEL_CHANGED:
		return "changed";
	case MODEL_UNKNOWN:
		break;
	}
	return "not in the manifest";
}
