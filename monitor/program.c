/* The program that a monitor runs; see program.h. */
#include "program.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "util/cleanup.h"

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static int open_from_host(struct program *program, const char *name, struct error *error)
{
	int result = elf_file_open(&program->file, name, error);
	if (result)
		return result;
	if (program->file.interpreter[0])
		return error_set(error, ENOEXEC,
				 "%s is dynamically linked: give the tree with its libraries by "
				 "--root, or link it statically (-static)",
				 name);
	cleanup_free char *path = realpath(name, NULL);
	if (!path)
		return error_set_errno(error, errno, "cannot find the place of %s", name);
	snprintf(program->path, sizeof(program->path), "%s", path);
	return 0;
}

/* Reads and parses an ELF file of the root. */
static int read_file(struct elf_file *file, const struct root_image *root, uint32_t node,
		     const char *name, struct error *error)
{
	cleanup_free uint8_t *data = NULL;
	size_t size = 0;
	int result = root_image_read(root, node, ELF_FILE_MAX, &data, &size, error);
	if (result)
		return error_wrap(error, "cannot run %s", name);
	result = elf_file_parse(file, data, size, name, error);
	if (!result)
		file->data = take_pointer(data);
	return result;
}

static const char *search_path(const char *const *environment)
{
	for (; *environment; environment++)
		if (!strncmp(*environment, "PATH=", 5))
			return *environment + 5;
	return DEFAULT_PATH;
}

/* Looks for `name` in each directory of `path`; an empty one is the current one, the root. */
static int search(const struct root_image *root, const char *name, const char *path, uint32_t *node,
		  char *resolved, struct error *error)
{
	for (const char *next = path;; next++) {
		char candidate[PATH_MAX];
		size_t length = strcspn(next, ":");
		int written =
		    snprintf(candidate, sizeof(candidate), "%.*s/%s", (int)length, next, name);
		if (written > 0 && (size_t)written < sizeof(candidate) &&
		    !root_image_find(root, candidate, node, resolved) &&
		    S_ISREG(root->nodes[*node].mode) && root->nodes[*node].mode & 0111)
			return 0;
		next += length;
		if (!*next)
			return error_set(error, ENOENT,
					 "no program called '%s' in the root; looked in %s", name,
					 path);
	}
}

static int open_from_root(struct program *program, const char *name, const struct root_image *root,
			  const char *const *environment, struct error *error)
{
	uint32_t node = 0;
	char resolved[PATH_MAX];
	int result = 0;
	if (strchr(name, '/')) {
		result = root_image_find(root, name, &node, program->path);
		if (result)
			return error_set_errno(error, -result, "cannot find %s in the root", name);
	} else {
		result = search(root, name, search_path(environment), &node, program->path, error);
		if (result)
			return result;
	}
	result = read_file(&program->file, root, node, name, error);
	const char *interpreter = program->file.interpreter;
	if (result || !interpreter[0])
		return result;
	result = root_image_find(root, interpreter, &node, resolved);
	if (result)
		return error_set_errno(error, -result,
				       "%s wants the interpreter %s, which is not to be had in the "
				       "root: put it there, with the libraries that ldd names",
				       name, interpreter);
	result = read_file(&program->interpreter, root, node, interpreter, error);
	if (!result && program->interpreter.interpreter[0])
		return error_set(error, ENOEXEC, "the interpreter %s of %s wants one itself",
				 interpreter, name);
	return result;
}

int program_open(struct program *program, const char *name, const struct root_image *root,
		 const char *const *environment, struct error *error)
{
	*program = (struct program){0};
	return root ? open_from_root(program, name, root, environment, error)
		    : open_from_host(program, name, error);
}

void program_release(struct program *program)
{
	elf_file_release(&program->file);
	elf_file_release(&program->interpreter);
}
