/* Models that models/fetch.py, or somebody by hand, put into the cache; see model.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "format.h"
#include "model.h"
#include "model_cache/manifest.h"
#include "saved_model_files.h"
#include "util/cleanup.h"
#include "util/file.h"
#include "util/lock.h"
#include "util/paths.h"

void installed_models_init(struct installed_models *installed)
{
	*installed = (struct installed_models){.lock = PTHREAD_MUTEX_INITIALIZER};
}

void installed_models_release(struct installed_models *installed)
{
	while (installed->list) {
		struct installed_model *entry = installed->list;
		installed->list = entry->next;
		if (entry->model)
			model_drop(entry->model);
		free(entry);
	}
	pthread_mutex_destroy(&installed->lock);
}

static int check_name(const char *name, struct error *error)
{
	return model_name_is_valid(name)
		   ? 0
		   : error_set(error, EINVAL, "\"%.80s\" is no name of a model", name);
}

/* The path below the cache, and the whole path. */
struct installed_file {
	char below[2 * DESCRIPTION_NAME_SIZE];
	char path[PATH_MAX];
};

static int locate(const char *model, const char *name, struct installed_file *file,
		  struct error *error)
{
	snprintf(file->below, sizeof(file->below), "models/%s/%s", model, name);
	return paths_cache(file->path, sizeof(file->path), file->below, error);
}

/* True where models/fetch.py has installed the model: its files are in the manifest then. */
static bool is_fetched(const char *model)
{
	struct installed_file file;
	return locate(model, MODEL_RECIPE_FILE, &file, NULL) || !access(file.path, F_OK);
}

static int check_file(const char *model, const struct installed_file *file,
		      const char hash[HASH_HEX_SIZE], struct error *error)
{
	return manifest_check(file->below, hash, is_fetched(model), error);
}

static int read_text(const char *model, const char *name, size_t limit, uint8_t **text,
		     size_t *length, struct error *error)
{
	struct installed_file file;
	char hash[HASH_HEX_SIZE];
	int result = locate(model, name, &file, error);
	if (!result)
		result = file_read(file.path, limit, text, length, error);
	if (!result)
		result = hash_buffer(*text, *length, hash, error);
	return result ? result : check_file(model, &file, hash, error);
}

/* The description and the labels, where there is one: generic tensors need none. */
static int read_description(struct model *model, struct error *error)
{
	cleanup_free uint8_t *text = NULL, *labels = NULL;
	size_t length;
	int result = read_text(model->name, MODEL_DESCRIPTION_FILE, DESCRIPTION_BYTES_MAX, &text,
			       &length, error);
	if (result == -ENOENT && !is_fetched(model->name))
		return 0;
	if (!result)
		result = description_parse((const char *)text, length, MODEL_DESCRIPTION_FILE,
					   &model->description, error);
	if (!result)
		result = read_text(model->name, model->description.labels, LABELS_BYTES_MAX,
				   &labels, &length, error);
	if (!result)
		result = labels_parse((const char *)labels, length, model->description.classes,
				      model->description.labels, &model->labels, error);
	model->described = !result;
	return result;
}

/* Looks for the network in each format. */
static int find_network(const char *folder, enum network_format *format,
			struct installed_file *file, struct stat *status, struct error *error)
{
	for (*format = 0; *format < NETWORK_FORMAT_COUNT; ++*format) {
		struct installed_file found;
		int result = locate(folder, format_installed_name(*format), &found, error);
		if (result)
			return result;
		if (!*format)
			*file = found; /* for the message */
		if (!stat(found.path, status)) {
			*file = found;
			return 0;
		}
		if (errno != ENOENT)
			return error_set_errno(error, errno, "cannot stat %s", found.path);
	}
	return -ENOENT;
}

static int read_network(struct model *model, struct error *error)
{
	struct installed_file file;
	struct stat status;
	struct network_source *source = &model->source;
	int result = find_network(model->name, &source->format, &file, &status, error);
	if (result)
		return result;
	if (source->format == NETWORK_SAVED_MODEL) {
		result = saved_model_files_read(file.path, source->hash, &source->size, error);
	} else {
		result = hash_file(file.path, source->hash, error);
		if (!result)
			result = check_file(model->name, &file, source->hash, error);
	}
	if (result)
		return result;
	source->path = strdup(file.path);
	return source->path ? 0 : error_set(error, ENOMEM, "no memory for a file name");
}

static int read_model(const char *folder, struct model **out, struct error *error)
{
	struct model *model = model_new(folder, error);
	if (!model)
		return -ENOMEM;
	int result = read_description(model, error);
	if (!result)
		result = read_network(model, error);
	if (result) {
		model_drop(model);
		return error_wrap(error, "model %s", folder);
	}
	*out = model;
	return 0;
}

static int stat_files(const char *name, const char *folder, struct stat *description,
		      struct stat *network, struct error *error)
{
	struct installed_file file;
	enum network_format format;
	int result = locate(folder, MODEL_DESCRIPTION_FILE, &file, error);
	if (!result && stat(file.path, description) && errno != ENOENT)
		return error_set_errno(error, errno, "cannot stat %s", file.path);
	if (!result)
		result = find_network(folder, &format, &file, network, error);
	return result == -ENOENT ? installed_models_missing(name, file.path, error) : result;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static struct installed_model *find_entry(const struct installed_models *installed,
					  const char *name)
{
	struct installed_model *entry = installed->list;
	while (entry && strcmp(entry->name, name) != 0)
		entry = entry->next;
	return entry;
}

static struct installed_model *add_entry(struct installed_models *installed, const char *name)
{
	struct installed_model *entry = calloc(1, sizeof(*entry));
	if (entry) {
		snprintf(entry->name, sizeof(entry->name), "%s", name);
		entry->next = installed->list;
		installed->list = entry;
	}
	return entry;
}

/* Nothing was installed or removed since `before`, as far as the time of the directory can tell: two
 * changes at once may have the same one. */
static bool is_unchanged(const struct stat *directory, const struct stat *before)
{
	return same_file(directory, before) && time(NULL) - directory->st_mtim.tv_sec > 1;
}

/* Finds out which folder a name means. `entry` may be NULL. */
static int resolve(struct installed_models *installed, const char *name,
		   const struct installed_model *entry, char folder[MODEL_NAME_SIZE],
		   struct error *error)
{
	char path[PATH_MAX];
	struct stat directory;
	int result = paths_cache(path, sizeof(path), "models", error);
	if (result)
		return result;
	if (stat(path, &directory))
		memset(&directory, 0, sizeof(directory));
	if (!is_unchanged(&directory, &installed->directory)) {
		for (struct installed_model *other = installed->list; other; other = other->next)
			other->folder[0] = 0;
		installed->directory = directory;
	}
	if (entry && entry->folder[0])
		memcpy(folder, entry->folder, MODEL_NAME_SIZE);
	else if (installed_versions_latest(name, folder))
		/* Whoever looks for it there says what is missing. */
		snprintf(folder, MODEL_NAME_SIZE, "%s", name);
	return 0;
}

/* With the lock held: takes in the model in `folder`, which is there. */
static int read_entry(struct installed_model *entry, const char *folder,
		      const struct stat *description, const struct stat *network,
		      struct error *error)
{
	struct model *fresh = NULL;
	int result = read_model(folder, &fresh, error);
	if (result)
		return result;
	if (entry->model)
		model_drop(entry->model);
	entry->model = fresh;
	entry->description = *description;
	entry->network = *network;
	return 0;
}

int installed_models_get(struct installed_models *installed, const char *name, struct model **model,
			 struct error *error)
{
	struct stat description = {0}, network = {0};
	char folder[MODEL_NAME_SIZE];
	int result = check_name(name, error);
	if (result)
		return result;
	lock_scoped(&installed->lock);
	struct installed_model *entry = find_entry(installed, name);
	result = resolve(installed, name, entry, folder, error);
	if (!result)
		result = stat_files(name, folder, &description, &network, error);
	if (result)
		return result;
	/* Only for what is there: others can ask for as many names as they like. */
	if (!entry && !(entry = add_entry(installed, name)))
		return error_set(error, ENOMEM, "no memory for model %s", name);
	memcpy(entry->folder, folder, sizeof(folder));
	if (!entry->model || strcmp(entry->model->name, folder) != 0 ||
	    !same_file(&entry->description, &description) || !same_file(&entry->network, &network))
		result = read_entry(entry, folder, &description, &network, error);
	if (!result)
		*model = model_hold(entry->model);
	return result;
}

bool installed_models_name(struct installed_models *installed, const char *hash, char *name,
			   size_t size)
{
	lock_scoped(&installed->lock);
	for (const struct installed_model *entry = installed->list; entry; entry = entry->next) {
		if (!entry->model || strcmp(entry->model->source.hash, hash) != 0)
			continue;
		snprintf(name, size, "%s", entry->name);
		return true;
	}
	return false;
}
