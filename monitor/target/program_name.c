/* What somebody may have meant by a name; see program_name.h. */
#include "monitor/target/program_name.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "monitor/target/functions.h"
#include "monitor/target/registry_hint.h"
#include "options/suggest.h"
#include "util/cleanup.h"

/* A path, or a name with a suffix, as images and snapshots have one and functions do not. */
static bool is_file_name(const char *name)
{
	return strchr(name, '/') || strchr(name + (*name == '.'), '.');
}

/* The file in `directory` whose name is nearest to `base`; "" where none is near. */
static void find_near_file(const char *directory, const char *base, char near[NAME_MAX + 1])
{
	struct suggestion suggestion;
	*near = 0;
	cleanup_closedir DIR *files = opendir(directory);
	suggest_begin(&suggestion, base);
	for (const struct dirent *file; files && (file = readdir(files));) {
		size_t distance = suggestion.nearest ? suggestion.distance : SIZE_MAX;
		if (file->d_name[0] == '.' && *base != '.')
			continue;
		suggest_offer(&suggestion, file->d_name);
		if (!suggestion.nearest || suggestion.distance >= distance)
			continue;
		snprintf(near, NAME_MAX + 1, "%s", file->d_name);
		suggestion.nearest = near;
	}
}

static int no_file(const char *name, struct error *error)
{
	char directory[PATH_MAX], near[NAME_MAX + 1];
	const char *slash = strrchr(name, '/');
	int length = slash ? (int)(slash + 1 - name) : 0;
	int code = access(name, F_OK) ? errno : ENOENT;
	if (code != ENOENT)
		return error_set_errno(error, code, "cannot find %s", name);
	snprintf(directory, sizeof(directory), "%.*s", length, name);
	if (*directory && access(directory, F_OK))
		return error_set(error, ENOENT, "there is no file %s: the directory %s is missing",
				 name, directory);
	find_near_file(*directory ? directory : ".", name + length, near);
	if (*near)
		return error_set(error, ENOENT, "there is no file %s: did you mean %s%s?", name,
				 directory, near);
	return error_set(error, ENOENT, "there is no file %s", name);
}

static int no_function(const char *name, struct error *error)
{
	struct suggestion suggestion;
	char all[256] = "";
	if (!access(name, F_OK))
		return error_set(error, ENOENT,
				 "no function is called '%s', but there is such a file here: for a "
				 "program give its path, ./%s",
				 name, name);
	suggest_begin(&suggestion, name);
	for (size_t i = 0; i < example_function_count; i++) {
		size_t used = strlen(all);
		snprintf(all + used, sizeof(all) - used, "%s%s", i ? ", " : "",
			 example_functions[i].name);
		suggest_offer(&suggestion, example_functions[i].name);
	}
	if (suggestion.nearest)
		return error_set(error, ENOENT, "no function is called '%s': did you mean %s?",
				 name, suggestion.nearest);
	return error_set(error, ENOENT,
			 "no function is called '%s': Mayfly comes with %s; for a program give its "
			 "path, for example ./%s",
			 name, all, name);
}

int program_name_missing(const char *name, struct error *error)
{
	int result = registry_hint(name, error);
	if (result)
		return result;
	return is_file_name(name) ? no_file(name, error) : no_function(name, error);
}
