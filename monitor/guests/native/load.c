/* Loading a native guest, from a program or from a snapshot; see guest.h. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "connections.h"
#include "guest.h"
#include "loader_linux.h"
#include "monitor/memory/page_tables.h"
#include "monitor/snapshot/snapshot.h"
#include "root/pack.h"
#include "root_server/client.h"
#include "util/cleanup.h"
#include "util/paths.h"

#define LIBRARY_OS "guest/libos.elf" /* for paths_part() */

static struct guest_native *make_guest(struct error *error)
{
	struct guest_native *self = calloc(1, sizeof(*self));
	if (!self) {
		error_set(error, ENOMEM, "no memory for a guest");
		return NULL;
	}
	self->guest.kind = &guest_native;
	self->root.fd = -1;
	return self;
}

static int open_library_os(struct guest_native *self, struct error *error)
{
	char path[PATH_MAX];
	int result = paths_part(path, sizeof(path), LIBRARY_OS, error);
	return result ? result : elf_file_open(&self->library_os, path, error);
}

void native_unload(struct guest *guest)
{
	struct guest_native *self = (struct guest_native *)guest;
	program_release(&self->program);
	root_image_release(&self->root);
	elf_file_release(&self->library_os);
	free(self->root_path);
	free(self->library_path);
}

/* ── from a program ──────────────────────────────────────────────────────────────────────────── */

/* Opens a root image, and finds out where it lies: that of an archive is in the cache. */
static int open_root_image(struct guest_native *self, const char *source, struct error *error)
{
	char link[32], path[PATH_MAX];
	int result = root_open(&self->root, source, error);
	if (result)
		return result;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", self->root.fd);
	ssize_t length = readlink(link, path, sizeof(path) - 1);
	if (length < 0)
		return error_set_errno(error, errno, "cannot read %s", link);
	self->root_path = strndup(path, (size_t)length);
	return self->root_path ? 0 : error_set(error, ENOMEM, "no memory for a path");
}

/* *tree: where the program is found; NULL without a root. */
static int open_root(struct guest_native *self, const struct guest_options *options,
		     const struct root_tree **tree, struct error *error)
{
	const char *source = options->root;
	int result = 0;
	*tree = NULL;
	if (!source)
		return 0;
	if (root_is_directory(source)) {
		result = root_client_open_by(&self->guest.files, source, options->reviver, error);
		if (!result)
			*tree = root_client_tree(self->guest.files);
	} else {
		result = open_root_image(self, source, error);
		*tree = &self->root.tree;
	}
	return result;
}

/* Where the program's interpreter is told to look for libraries. */
static int note_library_path(struct guest_native *self, const char *const *environment,
			     struct error *error)
{
	const char name[] = "LD_LIBRARY_PATH=";
	for (; *environment; environment++)
		if (!strncmp(*environment, name, sizeof(name) - 1))
			break;
	if (!*environment)
		return 0;
	self->library_path = strdup(*environment + sizeof(name) - 1);
	return self->library_path ? 0 : error_set(error, ENOMEM, "no memory for a path");
}

/* The directory that a program starts in, without links; "" for the root. */
static int find_directory(const struct root_tree *root, const char *wanted, bool optional,
			  char directory[PATH_MAX], struct error *error)
{
	struct root_file file;
	*directory = 0;
	if (!wanted)
		return 0;
	if (!root)
		return error_set(error, EINVAL,
				 "the program can start in a directory (%s) only with a root: give "
				 "one by --root",
				 wanted);
	int result = root_tree_find(root, wanted, &file, directory);
	if (!result && S_ISDIR(file.mode))
		return 0;
	*directory = 0;
	if (optional)
		return 0;
	return error_set_errno(error, result ? -result : ENOTDIR,
			       "cannot start in %s, which is to be a directory of the root",
			       wanted);
}

/* A file for the program replaces one of the root, but no directory, and the directories that its
 * path goes through must be some, or must be missing. */
static int check_place(const struct root_tree *root, const char *path, struct error *error)
{
	char part[PATH_MAX], resolved[PATH_MAX];
	struct root_file found;
	for (const char *next = path; next; next = strchr(next + 1, '/')) {
		snprintf(part, sizeof(part), "%.*s", (int)(next - path), path);
		int result = root_tree_find(root, part, &found, resolved);
		if (result == -ENOENT)
			return 0;
		if (result || !S_ISDIR(found.mode))
			return error_set(error, result ? -result : ENOTDIR,
					 "the file %s for the program cannot be put into the root: "
					 "%s is no directory there",
					 path, part);
	}
	if (root_tree_find(root, path, &found, resolved) || !S_ISDIR(found.mode))
		return 0;
	return error_set(error, EISDIR,
			 "the file %s for the program cannot be put into the root: it has a "
			 "directory of that name",
			 path);
}

static int check_given_files(const struct root_tree *root, const struct guest_options *options,
			     struct error *error)
{
	const struct guest_given_file *file;
	uint64_t offset = 0;
	int result = 0;
	while (root && !result &&
	       (file = guest_given_file_next((void *)options->files, options->files_size, &offset)))
		result = check_place(root, (const char *)(file + 1), error);
	return result;
}

/* Finds and reads all files. *root: where the program was found; NULL without a root. */
static int open_files(struct guest_native *self, const struct guest_options *options,
		      char directory[PATH_MAX], const struct root_tree **root, struct error *error)
{
	int result = open_root(self, options, root, error);
	if (!result)
		result = find_directory(*root, options->directory, options->directory_optional,
					directory, error);
	if (!result)
		result = program_open(&self->program, options->program, *root, directory,
				      options->environment, error);
	if (!result)
		result = check_given_files(*root, options, error);
	if (!result)
		result = note_library_path(self, options->environment, error);
	return result ? result : open_library_os(self, error);
}

static int build_image(struct guest_native *self, const struct guest_options *options,
		       const struct root_tree *root, const char *directory, struct image *image,
		       struct error *error)
{
	if (options->memory < LOADER_MEMORY_MIN || options->memory > LOADER_MEMORY_MAX)
		return error_set(error, EINVAL, "%lu KiB of memory: give %lu KiB to %lu GiB",
				 options->memory >> 10, LOADER_MEMORY_MIN >> 10,
				 LOADER_MEMORY_MAX >> 30);
	if (options->request_variables > GUEST_VARIABLES_MAX)
		return error_set(error, EINVAL, "room for %u variables of a request: at most %lu",
				 options->request_variables, GUEST_VARIABLES_MAX);
	cleanup_free const char **arguments = program_arguments(&self->program, options->arguments);
	if (!arguments)
		return error_set(error, ENOMEM, "no memory for arguments");
	struct native_connections connections = {.wanted = false};
	char port[16];
	int result = native_connections_parse(&connections, options->devices, error);
	if (result)
		return result;
	cleanup_free const char **environment =
	    native_connections_environment(&connections, options->environment, port);
	if (!environment)
		return error_set(error, ENOMEM, "no memory for the environment");
	struct loader_program program = {
	    .file = &self->program.file,
	    .interpreter = &self->program.interpreter,
	    .root = self->root.fd >= 0 ? &self->root : NULL,
	    .root_served = self->guest.files,
	    .path = root ? self->program.path : options->program,
	    .absolute_path = self->program.path,
	    .arguments = arguments,
	    .environment = environment,
	    .directory = directory,
	    .connects = connections.wanted,
	    .port = connections.port,
	    .request_variables = options->request_variables,
	    .files = options->files,
	    .files_size = options->files_size,
	    .user = options->user,
	    .group = options->group,
	    .host_name = options->host_name,
	    .memory = options->memory,
	};
	result =
	    loader_linux_build(image, &program, &self->library_os, &self->guest.entries, error);
	return result ? result : page_tables_build(image, NULL, error);
}

int native_load(struct guest **guest, const struct guest_options *options, struct image *image,
		struct error *error)
{
	char directory[PATH_MAX];
	const struct root_tree *root;
	struct guest_native *self = make_guest(error);
	if (!self)
		return -ENOMEM;
	int result = open_files(self, options, directory, &root, error);
	if (!result)
		result = build_image(self, options, root, directory, image, error);
	if (result) {
		guest_release(&self->guest);
		return result;
	}
	self->program_base = loader_linux_base(&self->program.file);
	self->guest.variables_room = options->request_variables;
	*guest = &self->guest;
	return 0;
}

/* ── from a snapshot ─────────────────────────────────────────────────────────────────────────── */

int native_describe(const struct guest *guest, struct snapshot *snapshot, struct error *error)
{
	const struct guest_native *self = guest_native_of(guest);
	const struct elf_file *file = &self->program.file;
	snapshot->program = (struct snapshot_program){.data = file->data, .size = file->size};
	if (!self->root_path)
		return 0;
	snprintf(snapshot->root.path, sizeof(snapshot->root.path), "%s", self->root_path);
	return snapshot_root_describe(&snapshot->root, self->root.fd, error);
}

/* The library OS in the snapshot must be the one that this monitor knows: the parts that it never
 * writes to are compared. */
static int check_library_os(const struct elf_file *file, const struct image *image,
			    struct error *error)
{
	for (size_t i = 0; i < file->segment_count; i++) {
		const struct elf_segment *segment = &file->segments[i];
		if (segment->protection & GUEST_WRITE)
			continue;
		const void *there = image_pointer(image, segment->address, segment->file_size);
		if (!there || memcmp(there, file->data + segment->offset, segment->file_size) != 0)
			return error_set(error, EPROTONOSUPPORT,
					 "taken with another library OS than this Mayfly's: make "
					 "the snapshot again");
	}
	return 0;
}

static bool is_library_os_address(const struct image *image, uint64_t address)
{
	return address >= GUEST_LIBOS_BASE && image_region_at(image, address);
}

static bool entries_are_sound(const struct image *image, const struct machine_entries *entries)
{
	return is_library_os_address(image, entries->start) &&
	       is_library_os_address(image, entries->resume) &&
	       is_library_os_address(image, entries->system_call) &&
	       is_library_os_address(image, entries->upcall);
}

static int take_program(struct guest_native *self, struct snapshot *snapshot, struct error *error)
{
	struct snapshot_program *program = &snapshot->program;
	struct elf_file *file = &self->program.file;
	int result = elf_file_parse(file, program->data, program->size, "its program", error);
	if (result)
		return result;
	file->data = program->data;
	file->mapped = true;
	*program = (struct snapshot_program){0};
	self->program_base = loader_linux_base(file);
	return 0;
}

/* The library OS in the snapshot was checked; what it was told is its program's to overwrite. */
static uint32_t find_variables_room(const struct image *image)
{
	const struct libos_header *header = image_pointer(image, GUEST_LIBOS_BASE, sizeof(*header));
	const struct guest_start *start =
	    header ? image_pointer(image, header->start_info, sizeof(*start)) : NULL;
	const uint64_t room = start ? start->variables_room : 0;
	return room < GUEST_VARIABLES_MAX ? (uint32_t)room : GUEST_VARIABLES_MAX;
}

int native_restore(struct guest **guest, struct snapshot *snapshot,
		   const struct guest_options *options, struct error *error)
{
	(void)options;
	struct guest_native *self = make_guest(error);
	if (!self)
		return -ENOMEM;
	const struct image *image = &snapshot->image;
	self->guest.entries = snapshot->entries;
	int result = entries_are_sound(image, &snapshot->entries)
			 ? 0
			 : error_set(error, EBADMSG, "damaged: its memory regions are not sound");
	if (!result)
		result = take_program(self, snapshot, error);
	if (!result)
		result = page_tables_check(image, NULL, error);
	if (!result)
		result = open_library_os(self, error);
	if (!result)
		result = check_library_os(&self->library_os, image, error);
	if (result) {
		guest_release(&self->guest);
		return result;
	}
	/* Of the root image nothing but the descriptor is needed: the library OS knows the rest. */
	self->root.fd = image->root;
	self->guest.variables_room = find_variables_room(image);
	*guest = &self->guest;
	return 0;
}
