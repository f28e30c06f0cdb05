/* The models in the cache; see inventory.h. */
#include "cli/installed/inventory.h"

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

#include "model_cache/manifest.h"
#include "plugins/onnx/models/description.h"
#include "plugins/onnx/models/format.h"
#include "util/cleanup.h"
#include "util/file.h"
#include "util/hash.h"

#define DESCRIPTION_MAX (64UL << 10)
#define MODELS_MAX	4096

static int format_path(char *out, size_t size, const char *folder, const char *name,
		       struct error *error)
{
	int length = snprintf(out, size, "%s/%s", folder, name);
	if (length < 0 || (size_t)length >= size)
		return error_set(error, ENAMETOOLONG, "path too long: %.64s/%.64s", folder, name);
	return 0;
}

static int read_manifest(const char *cache, char **text, struct error *error)
{
	char path[PATH_MAX];
	int result = format_path(path, sizeof(path), cache, MANIFEST_FILE, error);
	return result ? result : manifest_read(path, text, error);
}

/* Checks every file that the manifest lists below `folder`/. */
static int check_listed(const char *manifest, const char *cache, const char *folder,
			enum model_state *state, struct error *error)
{
	const size_t folder_length = strlen(folder);
	struct manifest_entry entry;
	*state = MODEL_OWN;
	while (manifest_next(&manifest, &entry)) {
		char relative[PATH_MAX], path[PATH_MAX], hex[HASH_HEX_SIZE];
		if (entry.length <= folder_length || entry.name[folder_length] != '/' ||
		    strncmp(entry.name, folder, folder_length) != 0)
			continue;
		snprintf(relative, sizeof(relative), "%.*s", (int)entry.length, entry.name);
		int result = format_path(path, sizeof(path), cache, relative, error);
		if (result)
			return result;
		if (hash_file(path, hex, NULL) || strncmp(hex, entry.hash, strlen(hex)) != 0) {
			*state = MODEL_CHANGED;
			return 0;
		}
		*state = MODEL_GOOD;
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

/* Of all files in the folder and in those below it. */
static uint64_t folder_bytes(int parent, const char *folder, unsigned depth)
{
	enum { DEPTH_MAX = 4 };
	int fd = openat(parent, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_closedir DIR *directory = fd < 0 ? NULL : fdopendir(fd);
	uint64_t bytes = 0;
	struct dirent *entry;
	while (directory && (entry = readdir(directory))) {
		struct stat status;
		if (fstatat(fd, entry->d_name, &status, AT_SYMLINK_NOFOLLOW))
			continue;
		if (S_ISREG(status.st_mode))
			bytes += (uint64_t)status.st_size;
		else if (S_ISDIR(status.st_mode) && entry->d_name[0] != '.' && depth < DEPTH_MAX)
			bytes += folder_bytes(fd, entry->d_name, depth + 1);
	}
	return bytes;
}

/* Takes the value of "task = …" out of a model's description; "" where there is none. The plugin
 * reads descriptions in full and complains about them; a list does not. */
static void read_task(const char *folder, char task[INVENTORY_TASK_SIZE])
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
		char value[INVENTORY_TASK_SIZE];
		if (sscanf(line, " task = %63s", value) == 1) {
			memcpy(task, value, sizeof(value));
			return;
		}
	}
}

/* Looks for the file of the network, or the directory of a SavedModel. */
static int check_network(const char *folder, struct error *error)
{
	char path[PATH_MAX];
	struct stat status;
	for (enum network_format format = 0; format < NETWORK_FORMAT_COUNT; format++) {
		int result =
		    format_path(path, sizeof(path), folder, format_installed_name(format), error);
		if (result)
			return result;
		if (stat(path, &status))
			continue;
		bool is_folder = format == NETWORK_SAVED_MODEL;
		if (is_folder ? S_ISDIR(status.st_mode) : S_ISREG(status.st_mode) && status.st_size)
			return 0;
		return error_set(error, EINVAL, "%s is no %s with anything in it", path,
				 is_folder ? "directory" : "file");
	}
	return error_set(error, ENOENT,
			 "there is no model in %s: no model.onnx, model.tflite, "
			 "saved_model or model.pt",
			 folder);
}

/* Reads a model's description and labels, if it has one, and looks for its network, as the plugin
 * will. */
static int check_own(const char *folder, struct error *error)
{
	char path[PATH_MAX];
	cleanup_free uint8_t *text = NULL, *labels_text = NULL;
	cleanup_free struct model_description *description = malloc(sizeof(*description));
	cleanup(labels_release) struct labels labels = {0};
	size_t length;
	if (!description)
		return error_set(error, ENOMEM, "no memory for a description");
	int result = format_path(path, sizeof(path), folder, "model.txt", error);
	if (!result)
		result = file_read(path, DESCRIPTION_BYTES_MAX, &text, &length, error);
	if (result == -ENOENT)
		return check_network(folder, error);
	if (!result)
		result = description_parse((const char *)text, length, path, description, error);
	if (!result)
		result = format_path(path, sizeof(path), folder, description->labels, error);
	if (!result)
		result = file_read(path, LABELS_BYTES_MAX, &labels_text, &length, error);
	if (!result)
		result = labels_parse((const char *)labels_text, length, description->classes, path,
				      &labels, error);
	return result ? result : check_network(folder, error);
}

/* Without a manifest, finds out only name and task. */
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
	snprintf(model->name, sizeof(model->name), "%.*s", MODEL_NAME_SIZE - 1, name);
	char relative[sizeof("models/") + NAME_MAX], folder[PATH_MAX];
	snprintf(relative, sizeof(relative), "models/%s", name);
	int result = format_path(folder, sizeof(folder), cache, relative, error);
	if (result)
		return result;
	read_task(folder, model->task);
	if (!manifest)
		return 0;
	model->bytes = folder_bytes(AT_FDCWD, folder, 0);
	result = check_listed(manifest, cache, relative, &model->state, error);
	if (!result && model->state == MODEL_OWN && check_own(folder, &model->problem))
		model->state = MODEL_BROKEN;
	return result;
}

static int compare_names(const void *a, const void *b)
{
	const struct model_entry *left = a, *right = b;
	return strcmp(left->name, right->name);
}

/* With a manifest, checks each model against it. */
static int read_all(struct inventory *inventory, const char *cache, const char *manifest,
		    struct error *error)
{
	char path[PATH_MAX];
	int result = format_path(path, sizeof(path), cache, "models", error);
	if (result)
		return result;
	cleanup_closedir DIR *directory = opendir(path);
	if (!directory && errno == ENOENT)
		return 0;
	if (!directory)
		return error_set_errno(error, errno, "cannot read the models in %s", path);
	struct dirent *entry;
	while (!result && inventory->count < MODELS_MAX && (entry = readdir(directory))) {
		if (model_name_is_valid(entry->d_name))
			result = add_model(inventory, cache, manifest, entry->d_name, error);
	}
	if (inventory->count)
		qsort(inventory->models, inventory->count, sizeof(*inventory->models),
		      compare_names);
	return result;
}

int inventory_read(struct inventory *inventory, const char *cache, struct error *error)
{
	cleanup_free char *manifest = NULL;
	memset(inventory, 0, sizeof(*inventory));
	int result = read_manifest(cache, &manifest, error);
	return result ? result : read_all(inventory, cache, manifest, error);
}

int inventory_read_names(struct inventory *inventory, const char *cache, struct error *error)
{
	memset(inventory, 0, sizeof(*inventory));
	return read_all(inventory, cache, NULL, error);
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
	case MODEL_BROKEN:
		return "broken";
	case MODEL_OWN:
		break;
	}
	return "own";
}
