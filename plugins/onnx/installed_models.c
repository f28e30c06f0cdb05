/* Models that models/fetch.py, or somebody by hand, put into the cache; see model.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "manifest.h"
#include "model.h"
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

/* A name becomes part of a path: it must not lead anywhere else. */
static int check_name(const char *name, struct error *error)
{
	size_t length =
	    strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
			 "._-");
	if (!length || name[length] || length >= MODEL_NAME_SIZE || name[0] == '.')
		return error_set(error, EINVAL, "\"%.80s\" is no name of a model", name);
	return 0;
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
	return result ? result : manifest_check(file.below, hash, error);
}

static int read_parts(struct model *model, struct error *error)
{
	struct installed_file file;
	cleanup_free uint8_t *text = NULL, *labels = NULL;
	size_t length;
	int result = read_text(model->name, MODEL_DESCRIPTION_FILE, DESCRIPTION_BYTES_MAX, &text,
			       &length, error);
	if (!result)
		result = description_parse((const char *)text, length, MODEL_DESCRIPTION_FILE,
					   &model->description, error);
	if (!result)
		result = read_text(model->name, model->description.labels, LABELS_BYTES_MAX,
				   &labels, &length, error);
	if (!result)
		result = labels_parse((const char *)labels, length, model->description.classes,
				      model->description.labels, &model->labels, error);
	if (!result)
		result = locate(model->name, MODEL_NETWORK_FILE, &file, error);
	if (!result)
		result = hash_file(file.path, model->source.hash, error);
	if (!result)
		result = manifest_check(file.below, model->source.hash, error);
	if (result)
		return result;
	model->described = true;
	model->source.path = strdup(file.path);
	return model->source.path ? 0 : error_set(error, ENOMEM, "no memory for a file name");
}

static int read_model(const char *name, struct model **out, struct error *error)
{
	struct model *model = model_new(name, error);
	if (!model)
		return -ENOMEM;
	int result = read_parts(model, error);
	if (result) {
		model_drop(model);
		return error_wrap(error, "model %s", name);
	}
	*out = model;
	return 0;
}

static int stat_files(const char *name, struct stat *description, struct stat *network,
		      struct error *error)
{
	struct installed_file file;
	int result = locate(name, MODEL_DESCRIPTION_FILE, &file, error);
	if (!result && !stat(file.path, description))
		result = locate(name, MODEL_NETWORK_FILE, &file, error);
	else if (!result)
		result = -errno;
	if (!result && stat(file.path, network))
		result = -errno;
	if (result == -ENOENT)
		return error_set(error, ENOENT,
				 "model %s is not installed (no %s): run \"mayfly models fetch\"",
				 name, file.path);
	return result ? error_set_errno(error, -result, "cannot stat %s", file.path) : 0;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* The entry of `name`, made where there is none. */
static struct installed_model *find_entry(struct installed_models *installed, const char *name)
{
	struct installed_model *entry = installed->list;
	while (entry && strcmp(entry->name, name) != 0)
		entry = entry->next;
	if (entry)
		return entry;
	entry = calloc(1, sizeof(*entry));
	if (entry) {
		snprintf(entry->name, sizeof(entry->name), "%s", name);
		entry->next = installed->list;
		installed->list = entry;
	}
	return entry;
}

int installed_models_get(struct installed_models *installed, const char *name, struct model **model,
			 struct error *error)
{
	struct stat description = {0}, network = {0};
	int result = check_name(name, error);
	if (!result)
		result = stat_files(name, &description, &network, error);
	if (result)
		return result;
	lock_scoped(&installed->lock);
	struct installed_model *entry = find_entry(installed, name);
	if (!entry)
		return error_set(error, ENOMEM, "no memory for model %s", name);
	if (!entry->model || !same_file(&entry->description, &description) ||
	    !same_file(&entry->network, &network)) {
		struct model *fresh = NULL;
		result = read_model(name, &fresh, error);
		if (result)
			return result;
		if (entry->model)
			model_drop(entry->model);
		entry->model = fresh;
		entry->description = description;
		entry->network = network;
	}
	*model = model_hold(entry->model);
	return 0;
}
