/* The program that a monitor runs; see program.h. */
#include "program.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "util/cleanup.h"

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* Bytes of a script's first line that count; as Linux (BINPRM_BUF_SIZE). */
#define SCRIPT_LINE_MAX 256

/* A file of the root that was found. */
struct found {
	struct root_file file;
	char path[PATH_MAX]; /* without links */
};

static int open_from_host(struct program *program, const char *name, struct error *error)
{
	int result = elf_file_open(&program->file, name, error);
	if (result)
		return result;
	if (program->file.interpreter[0])
		return error_set(
		    error, ENOEXEC,
		    "%s is dynamically linked: link it statically (-static), or put it "
		    "into a root image with its libraries; mayfly run takes --root, "
		    "with / for this machine's",
		    name);
	cleanup_free char *path = realpath(name, NULL);
	if (!path)
		return error_set_errno(error, errno, "cannot find the place of %s", name);
	snprintf(program->path, sizeof(program->path), "%s", path);
	return 0;
}

static const char *search_path(const char *const *environment)
{
	for (; *environment; environment++)
		if (!strncmp(*environment, "PATH=", 5))
			return *environment + 5;
	return DEFAULT_PATH;
}

static bool is_executable(const struct root_file *file)
{
	return S_ISREG(file->mode) && file->mode & 0111;
}

/* Looks for `name` in each directory of `path`; an empty one is the current one, the root.
 * `candidate`: the path under which it was found, PATH_MAX bytes. */
static int search(const struct root_tree *root, const char *name, const char *path,
		  struct found *found, char *candidate, struct error *error)
{
	for (const char *next = path;; next++) {
		size_t length = strcspn(next, ":");
		int written = snprintf(candidate, PATH_MAX, "%.*s/%s", (int)length, next, name);
		if (written > 0 && written < PATH_MAX &&
		    !root_tree_find(root, candidate, &found->file, found->path) &&
		    is_executable(&found->file))
			return 0;
		next += length;
		if (!*next)
			return error_set(error, ENOENT,
					 "no program called '%s' in the root; looked in %s", name,
					 path);
	}
}

static int read_found(const struct root_tree *root, const struct found *found, const char *name,
		      uint8_t **data, size_t *size, struct error *error)
{
	int result =
	    root_tree_read(root, found->path, &found->file, ELF_FILE_MAX, data, size, error);
	return result ? error_wrap(error, "cannot run %s", name) : 0;
}

/* Takes over `*data`. */
static int parse_file(struct elf_file *file, uint8_t **data, size_t size, const char *name,
		      struct error *error)
{
	int result = elf_file_parse(file, *data, size, name, error);
	if (!result)
		file->data = take_pointer(*data);
	return result;
}

/* Reads "#! INTERPRETER [ARGUMENT]" as Linux' binfmt_script does: one argument, which goes to the
 * end of the line. */
static int parse_script(struct program_script *script, const uint8_t *data, size_t size,
			const char *name, struct error *error)
{
	char line[SCRIPT_LINE_MAX];
	const char *blanks = " \t";
	size_t length = size - 2 < sizeof(line) - 1 ? size - 2 : sizeof(line) - 1;
	memcpy(line, data + 2, length);
	line[length] = 0;
	bool is_whole = memchr(line, '\n', length) || size - 2 < sizeof(line) - 1;
	line[strcspn(line, "\n")] = 0;
	if (strchr(line, '\r'))
		return error_set(
		    error, ENOEXEC,
		    "the first line of the script %s ends in a carriage return, as Windows "
		    "writes it: convert the file, for example by dos2unix",
		    name);
	for (size_t end = strlen(line); end && strchr(blanks, line[end - 1]); end--)
		line[end - 1] = 0;
	const char *first = line + strspn(line, blanks);
	size_t first_length = strcspn(first, blanks);
	/* A name that is longer than what was read would be another one. */
	if (!first_length || (!is_whole && !first[first_length]))
		return error_set(error, ENOEXEC,
				 "the script %s names no interpreter within its first %d bytes",
				 name, SCRIPT_LINE_MAX);
	const char *argument = first + first_length;
	argument += strspn(argument, blanks);
	snprintf(script->interpreter, sizeof(script->interpreter), "%.*s", (int)first_length,
		 first);
	snprintf(script->argument, sizeof(script->argument), "%s", argument);
	return 0;
}

/* "#! /usr/bin/env NAME". What env(1) does is done here, which saves the start of a program. */
static bool is_by_env(const struct program_script *script)
{
	const char *name = script->argument;
	return (!strcmp(script->interpreter, "/usr/bin/env") ||
		!strcmp(script->interpreter, "/bin/env")) &&
	       *name && *name != '-' && !name[strcspn(name, " \t=/")];
}

static int find_script_interpreter(struct program_script *script, const struct root_tree *root,
				   const char *name, const char *const *environment,
				   struct found *found, struct error *error)
{
	char candidate[PATH_MAX];
	if (is_by_env(script)) {
		snprintf(script->interpreter, sizeof(script->interpreter), "%s", script->argument);
		script->argument[0] = 0;
		int result = search(root, script->interpreter, search_path(environment), found,
				    candidate, error);
		return result ? error_wrap(error, "the script %s", name) : 0;
	}
	int result = root_tree_find(root, script->interpreter, &found->file, found->path);
	return result
		   ? error_set_errno(error, -result,
				     "the script %s wants %s, which is not to be had in the root",
				     name, script->interpreter)
		   : 0;
}

/* The program that a script names takes its place. */
static int open_script(struct program *program, const struct root_tree *root, const char *name,
		       const char *const *environment, const uint8_t *script, size_t script_size,
		       struct error *error)
{
	struct found found;
	cleanup_free uint8_t *data = NULL;
	size_t size = 0;
	int result = parse_script(&program->script, script, script_size, name, error);
	if (!result)
		result = find_script_interpreter(&program->script, root, name, environment, &found,
						 error);
	if (result)
		return result;
	const char *interpreter = program->script.interpreter;
	result = read_found(root, &found, interpreter, &data, &size, error);
	if (result)
		return result;
	if (size >= 2 && !memcmp(data, "#!", 2))
		return error_set(error, ENOEXEC,
				 "the script %s wants %s, which is a script itself; give that its "
				 "interpreter by hand",
				 name, interpreter);
	snprintf(program->path, sizeof(program->path), "%s", found.path);
	return parse_file(&program->file, &data, size, interpreter, error);
}

static int open_interpreter(struct program *program, const struct root_tree *root, const char *name,
			    struct error *error)
{
	struct found found;
	cleanup_free uint8_t *data = NULL;
	size_t size = 0;
	const char *interpreter = program->file.interpreter;
	int result = root_tree_find(root, interpreter, &found.file, found.path);
	if (result)
		return error_set_errno(error, -result,
				       "%s wants the interpreter %s, which is not to be had in the "
				       "root: put it there, with the libraries that ldd names",
				       name, interpreter);
	result = read_found(root, &found, interpreter, &data, &size, error);
	if (!result)
		result = parse_file(&program->interpreter, &data, size, interpreter, error);
	if (!result && program->interpreter.interpreter[0])
		return error_set(error, ENOEXEC, "the interpreter %s of %s wants one itself",
				 interpreter, name);
	return result;
}

static int open_from_root(struct program *program, const char *name, const struct root_tree *root,
			  const char *directory, const char *const *environment,
			  struct error *error)
{
	struct found found;
	char candidate[PATH_MAX];
	const char *path = name;
	cleanup_free uint8_t *data = NULL;
	size_t size = 0;
	int result;
	if (strchr(name, '/')) {
		const char *start = *name == '/' ? "" : directory;
		if (snprintf(candidate, sizeof(candidate), "%s/%s", start, name) >= PATH_MAX)
			return error_set(error, ENAMETOOLONG, "the program's path is too long");
		result = root_tree_find(root, candidate, &found.file, found.path);
		if (result)
			return error_set_errno(error, -result, "cannot find %s in the root",
					       *start ? candidate : name);
	} else {
		result = search(root, name, search_path(environment), &found, candidate, error);
		if (result)
			return result;
		path = candidate;
	}
	result = read_found(root, &found, name, &data, &size, error);
	if (result)
		return result;
	snprintf(program->path, sizeof(program->path), "%s", found.path);
	if (size >= 2 && !memcmp(data, "#!", 2)) {
		snprintf(program->script.path, sizeof(program->script.path), "%s", path);
		result = open_script(program, root, name, environment, data, size, error);
	} else {
		result = parse_file(&program->file, &data, size, name, error);
	}
	return result || !program->file.interpreter[0]
		   ? result
		   : open_interpreter(program, root, name, error);
}

int program_open(struct program *program, const char *name, const struct root_tree *root,
		 const char *directory, const char *const *environment, struct error *error)
{
	*program = (struct program){0};
	return root ? open_from_root(program, name, root, directory, environment, error)
		    : open_from_host(program, name, error);
}

void program_release(struct program *program)
{
	elf_file_release(&program->file);
	elf_file_release(&program->interpreter);
}

const char **program_arguments(const struct program *program, const char *const *arguments)
{
	const struct program_script *script = &program->script;
	size_t count = 0, next = 0;
	while (arguments[count])
		count++;
	const char **all = calloc(count + 3 + 1, sizeof(*all));
	if (!all)
		return NULL;
	if (script->interpreter[0]) {
		all[next++] = script->interpreter;
		if (script->argument[0])
			all[next++] = script->argument;
		all[next++] = script->path;
		arguments += *arguments != NULL;
	}
	while (*arguments)
		all[next++] = *arguments++;
	return all;
}
