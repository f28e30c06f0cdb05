/* Looking for plugins in directories; see description.h. */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "accel/plugins/description.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/file.h"
#include "util/host_settings.h"
#include "util/log.h"
#include "util/paths.h"
#include "util/text.h"
#include "util/trust.h"

#define DESCRIPTION_MAX (64UL << 10) /* bytes */

static const char suffix[] = ".plugin";

/* Where libvaccel is, or the program that this file is part of, with a slash; NULL where that is not
 * known. `program` is room for PATH_MAX bytes. */
static const char *find_library(char *program)
{
	Dl_info self;
	if (!dladdr((void *)mayfly_plugin_directories, &self) || !self.dli_fname)
		return NULL;
	if (strchr(self.dli_fname, '/'))
		return self.dli_fname;
	/* A program that a shell has found in PATH is called by its name alone. */
	ssize_t length = readlink("/proc/self/exe", program, PATH_MAX - 1);
	if (length <= 0)
		return NULL;
	program[length] = 0;
	return program;
}

/* ── the directories ─────────────────────────────────────────────────────────────────────────── */

struct directory {
	const char *path;
	bool beside; /* it belongs to libvaccel */
};

/* Non-zero ends the search, which returns it. */
typedef int visit_directory(const struct directory *directory, void *context);

__attribute__((format(printf, 4, 5))) static int
visit_formatted(visit_directory *visit, void *context, bool beside, const char *format, ...)
{
	char path[PATH_MAX];
	va_list arguments;
	va_start(arguments, format);
	int length = vsnprintf(path, sizeof(path), format, arguments);
	va_end(arguments);
	if (length <= 0 || (size_t)length >= sizeof(path))
		return 0;
	return visit(&(struct directory){path, beside}, context);
}

/* Those that a user chooses. */
static int visit_chosen(visit_directory *visit, void *context)
{
	char usual[PATH_MAX];
	const char *list = host_setting(HOST_PLUGIN_PATH);
	if (!list)
		list = paths_config(usual, sizeof(usual), "plugins", NULL) ? "" : usual;
	for (int result; *list; list += *list == ':') {
		size_t length = strcspn(list, ":");
		result =
		    length ? visit_formatted(visit, context, false, "%.*s", (int)length, list) : 0;
		if (result)
			return result;
		list += length;
	}
	return 0;
}

static int visit_directories(visit_directory *visit, void *context)
{
	/* An installation has them in lib/mayfly, a build tree in a folder of its own; first as seen
	 * from lib and lib/accel, then from bin and the build tree's top. */
	static const char *const places[] = {"", "/mayfly/plugins", "/../../plugins",
					     "/../lib/mayfly/plugins", "/plugins"};
	char program[PATH_MAX];
	const char *parts = host_setting(HOST_LIBDIR), *library = find_library(program);
	int result = visit_chosen(visit, context);
	if (!result && parts)
		result = visit_formatted(visit, context, false, "%s/plugins", parts);
	for (size_t i = 0; !result && library && i < ARRAY_SIZE(places); i++)
		result =
		    visit_formatted(visit, context, true, "%.*s%s",
				    (int)(strrchr(library, '/') - library), library, places[i]);
	return result;
}

struct plain_visit {
	void (*visit)(const char *path, void *context);
	void *context;
};

static int pass_on(const struct directory *directory, void *context)
{
	const struct plain_visit *plain = context;
	plain->visit(directory->path, plain->context);
	return 0;
}

void mayfly_plugin_directories(void (*visit)(const char *path, void *context), void *context)
{
	struct plain_visit plain = {visit, context};
	visit_directories(pass_on, &plain);
}

/* ── one plugin ──────────────────────────────────────────────────────────────────────────────── */

static int trust(const char *path, bool beside, struct error *error)
{
	char program[PATH_MAX];
	const char *library = find_library(program);
	return beside && library ? trust_path_beside(path, library, error)
				 : trust_path(path, error);
}

/* Reads description->file, whose name is set. */
static int read_description(struct plugin_description *description, struct error *error)
{
	cleanup_free uint8_t *text = NULL;
	size_t length;
	int result = trust(description->file, description->beside, error);
	if (!result)
		result = file_read(description->file, DESCRIPTION_MAX, &text, &length, error);
	if (!result)
		result = plugin_description_parse(description, (char *)text, length, error);
	if (result)
		return result;
	/* One that is not there is told when it is to be loaded. */
	result = trust(description->library, description->beside, error);
	return result == -EPERM ? result : 0;
}

struct search {
	struct plugin_description *description;
	struct error *error;
};

/* True where the file can be read. */
__attribute__((format(printf, 2, 3))) static bool look_at(char *path, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	int length = vsnprintf(path, PATH_MAX, format, arguments);
	va_end(arguments);
	return length > 0 && length < PATH_MAX && !access(path, R_OK);
}

static int found(int result)
{
	return result ? result : 1;
}

/* 1: found, 0: not here. */
static int find_in(const struct directory *directory, void *context)
{
	const struct search *search = context;
	struct plugin_description *description = search->description;
	const char *path = directory->path, *name = description->name;
	description->beside = directory->beside;
	if (look_at(description->file, "%s/%s%s", path, name, suffix) ||
	    look_at(description->file, "%s/%s/%s%s", path, name, name, suffix))
		return found(read_description(description, search->error));
	description->file[0] = 0;
	if (look_at(description->library, "%s/libvaccel-%s.so", path, name) ||
	    look_at(description->library, "%s/%s/libvaccel-%s.so", path, name, name))
		return found(trust(description->library, description->beside, search->error));
	description->library[0] = 0;
	return 0;
}

static bool name_is_sound(const char *name)
{
	return *name && *name != '.' && strlen(name) < PLUGIN_NAME_SIZE && !strchr(name, '/');
}

int plugin_description_find(struct plugin_description *description, const char *name,
			    struct error *error)
{
	struct search search = {description, error};
	*description = (struct plugin_description){0};
	if (!name_is_sound(name))
		return error_set(error, ENOENT, "no plugin has such a name");
	memcpy(description->name, name, strlen(name) + 1);
	int result = visit_directories(find_in, &search);
	if (result > 0)
		return 0;
	return result ? result : error_set(error, ENOENT, "there is no plugin %s", name);
}

/* ── all ─────────────────────────────────────────────────────────────────────────────────────── */

static bool is_known(const struct plugin_catalog *catalog, const char *name)
{
	for (size_t i = 0; i < catalog->count; i++)
		if (!strcmp(catalog->entries[i].name, name))
			return true;
	return false;
}

static int add(struct plugin_catalog *catalog, const char *folder, const char *file, bool beside)
{
	struct plugin_description fresh = {.beside = beside};
	struct error error = {0};
	size_t length = strlen(file) - strlen(suffix);
	if (length >= sizeof(fresh.name) ||
	    (size_t)snprintf(fresh.file, sizeof(fresh.file), "%s/%s", folder, file) >=
		sizeof(fresh.file))
		return 0;
	memcpy(fresh.name, file, length);
	if (!name_is_sound(fresh.name) || is_known(catalog, fresh.name))
		return 0;
	if (read_description(&fresh, &error)) {
		log_warn("plugin %s is left out: %s", fresh.name, error.text);
		return 0;
	}
	struct plugin_description *larger =
	    reallocarray(catalog->entries, catalog->count + 1, sizeof(*larger));
	if (!larger)
		return -ENOMEM;
	catalog->entries = larger;
	catalog->entries[catalog->count++] = fresh;
	return 0;
}

static int add_folder(struct plugin_catalog *catalog, const char *path, bool beside)
{
	int result = 0;
	cleanup_closedir DIR *folder = opendir(path);
	for (const struct dirent *entry; !result && folder && (entry = readdir(folder));)
		if (text_ends_with(entry->d_name, suffix))
			result = add(catalog, path, entry->d_name, beside);
	return result;
}

/* The directory, and folders in it that have a plugin of their own name. */
static int add_directory(const struct directory *directory, void *context)
{
	struct plugin_catalog *catalog = context;
	int result = add_folder(catalog, directory->path, directory->beside);
	cleanup_closedir DIR *folders = opendir(directory->path);
	for (const struct dirent *entry; !result && folders && (entry = readdir(folders));) {
		char path[PATH_MAX];
		const char *name = entry->d_name;
		if (entry->d_type == DT_REG || !name_is_sound(name) ||
		    !look_at(path, "%s/%s/%s%s", directory->path, name, name, suffix))
			continue;
		char *slash = strrchr(path, '/');
		*slash = 0;
		result = add(catalog, path, slash + 1, directory->beside);
	}
	return result;
}

static int by_priority(const void *a, const void *b)
{
	const struct plugin_description *left = a, *right = b;
	if (left->priority != right->priority)
		return left->priority > right->priority ? -1 : 1;
	return strcmp(left->name, right->name);
}

int mayfly_plugin_catalog_read(struct plugin_catalog *catalog, struct error *error)
{
	*catalog = (struct plugin_catalog){0};
	if (visit_directories(add_directory, catalog)) {
		mayfly_plugin_catalog_release(catalog);
		return error_set(error, ENOMEM, "no memory for the list of plugins");
	}
	if (catalog->count)
		qsort(catalog->entries, catalog->count, sizeof(*catalog->entries), by_priority);
	return 0;
}

void mayfly_plugin_catalog_release(struct plugin_catalog *catalog)
{
	free(catalog->entries);
	*catalog = (struct plugin_catalog){0};
}
