/* What to say where a model is asked for that is not there:
 * how to get it, or which ones there are. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format.h"
#include "model.h"
#include "options/suggest.h"
#include "util/cleanup.h"
#include "util/paths.h"

#define NAMES_MAX  12 /* of installed models in one sentence */
#define NAMES_SIZE 512

/* FETCHED_MODELS: what mayfly models fetch can fetch, with blanks between them. */
static bool can_be_fetched(const char *name)
{
	size_t length = strlen(name);
	for (const char *known = FETCHED_MODELS; *known;) {
		size_t size = strcspn(known, " ");
		if (size == length && !strncmp(known, name, size))
			return true;
		known += size + strspn(known + size, " ");
	}
	return false;
}

static int is_model(const struct dirent *entry)
{
	char below[sizeof("models//saved_model") + NAME_MAX + 16], path[PATH_MAX];
	if (!model_name_is_valid(entry->d_name))
		return 0;
	for (enum network_format format = 0; format < NETWORK_FORMAT_COUNT; format++) {
		snprintf(below, sizeof(below), "models/%s/%s", entry->d_name,
			 format_installed_name(format));
		if (!paths_cache(path, sizeof(path), below, NULL) && !access(path, F_OK))
			return 1;
	}
	return 0;
}

/* "ssd, face", and in `near` the one that may have been meant; "" where there are none. */
static void list_models(const char *name, char *list, size_t size, char near[MODEL_NAME_SIZE])
{
	char path[PATH_MAX];
	struct dirent **found = NULL;
	struct suggestion suggestion;
	int count = -1;
	*list = *near = 0;
	if (!paths_cache(path, sizeof(path), "models", NULL))
		count = scandir(path, &found, is_model, alphasort);
	suggest_begin(&suggestion, name);
	for (int i = 0; i < count; i++) {
		size_t used = strlen(list);
		if (i < NAMES_MAX)
			snprintf(list + used, size - used, "%s%s", i ? ", " : "", found[i]->d_name);
		else if (i == NAMES_MAX)
			snprintf(list + used, size - used, " and others");
		suggest_offer(&suggestion, found[i]->d_name);
	}
	if (suggestion.nearest)
		snprintf(near, MODEL_NAME_SIZE, "%s", suggestion.nearest);
	for (int i = 0; i < count; i++)
		free(found[i]);
	free(found);
}

int installed_models_missing(const char *name, const char *path, struct error *error)
{
	char list[NAMES_SIZE], near[MODEL_NAME_SIZE];
	if (can_be_fetched(name))
		return error_set(
		    error, ENOENT,
		    "model %s is not installed (no %s): run \"mayfly models fetch %s\"", name, path,
		    name);
	list_models(name, list, sizeof(list), near);
	if (*near)
		return error_set(error, ENOENT,
				 "there is no model %s: did you mean %s? Installed are %s", name,
				 near, list);
	if (*list)
		return error_set(error, ENOENT, "there is no model %s: installed are %s", name,
				 list);
	return error_set(error, ENOENT,
			 "there is no model %s, and none is installed: \"mayfly models fetch\" "
			 "fetches " FETCHED_MODELS,
			 name);
}
