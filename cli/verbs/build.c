/* mayfly build: from the source of a function to what can be deployed. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/command/verb.h"
#include "cli/installed/python_image.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/paths.h"
#include "util/spawn.h"
#include "util/text.h"

#define PYTHON_SOURCE "handler.py"
#define PYTHON_ENDING ".py"
#define C_ENDING      ".c"
#define SOURCES_MAX   256

struct build_values {
	const char *output;
	const char *python;
	bool handler;
};

static const struct build_values build_defaults = {.python = PYTHON_USUAL};

static const struct option_spec build_options[] = {
    {"output", 'o', OPTION_STRING, offsetof(struct build_values, output), "FILE",
     "the image or program to write; usually named after DIR or FILE, here", .takes_file = true},
    {"python", 0, OPTION_STRING, offsetof(struct build_values, python), "FILE",
     "the interpreter to pack with a function in Python", .takes_file = true},
    {"handler", 0, OPTION_FLAG, offsetof(struct build_values, handler), NULL,
     "handle() in Python takes HTTP requests from a gateway, also where its parameter does not say "
     "mayfly.Request"},
};

/* What was found at the place that the user names. */
struct sources {
	bool is_directory, has_python, has_dockerfile;
	char *c_files[SOURCES_MAX]; /* paths */
	size_t c_count;
};

static void sources_release(struct sources *sources)
{
	for (size_t i = 0; i < sources->c_count; i++)
		free(sources->c_files[i]);
}

/* ── what is there ───────────────────────────────────────────────────────────────────────────── */

static int add_c_file(struct sources *sources, const char *folder, const char *name,
		      struct error *error)
{
	char *path;
	if (sources->c_count == SOURCES_MAX)
		return error_set(error, E2BIG, "%s has more than %d C files", folder, SOURCES_MAX);
	if (asprintf(&path, "%s%s%s", folder, *folder ? "/" : "", name) < 0)
		return error_set(error, ENOMEM, "no memory for file names");
	sources->c_files[sources->c_count++] = path;
	return 0;
}

static int compare_names(const void *left, const void *right)
{
	return strcmp(*(char *const *)left, *(char *const *)right);
}

static int look_into(const char *folder, struct sources *sources, struct error *error)
{
	const struct dirent *entry;
	cleanup_closedir DIR *listing = opendir(folder);
	if (!listing)
		return error_set_errno(error, errno, "cannot list %s", folder);
	while ((entry = readdir(listing)) != NULL) {
		sources->has_python |= !strcmp(entry->d_name, PYTHON_SOURCE);
		sources->has_dockerfile |=
		    !strcmp(entry->d_name, "Dockerfile") || !strcmp(entry->d_name, "Containerfile");
		if (entry->d_name[0] == '.' || !text_ends_with(entry->d_name, C_ENDING))
			continue;
		int result = add_c_file(sources, folder, entry->d_name, error);
		if (result)
			return result;
	}
	qsort(sources->c_files, sources->c_count, sizeof(*sources->c_files), compare_names);
	return 0;
}

static int look(const char *place, struct sources *sources, struct error *error)
{
	struct stat status;
	if (stat(place, &status))
		return error_set_errno(error, errno, "cannot find %s", place);
	sources->is_directory = S_ISDIR(status.st_mode);
	if (sources->is_directory)
		return look_into(place, sources, error);
	sources->has_python = text_ends_with(place, PYTHON_ENDING);
	return text_ends_with(place, C_ENDING) ? add_c_file(sources, "", place, error) : 0;
}

static int check(const char *place, const struct sources *sources, struct error *error)
{
	if (sources->has_python && sources->c_count)
		return error_set(error, EINVAL,
				 "%s has both " PYTHON_SOURCE
				 " and C files: name the file that is the "
				 "function",
				 place);
	if (sources->has_python || sources->c_count)
		return 0;
	if (sources->has_dockerfile)
		return error_set(
		    error, EINVAL,
		    "%s is built by docker or podman: then deploy the image by its name in "
		    "a registry, or docker-archive:FILE of what docker save writes",
		    place);
	return error_set(error, EINVAL,
			 sources->is_directory ? "%s has neither " PYTHON_SOURCE
						 " nor C files: it is no function"
					       : "%s is neither Python (.py) nor C (.c)",
			 place);
}

/* A folder's own name is taken where the folder is. */
static const char *ending_of(const struct sources *sources)
{
	if (sources->has_python)
		return ".img";
	return sources->is_directory ? ".elf" : "";
}

/* The last component of the place, without its ending, and with another one. */
static int name_output(const char *place, const char *ending, char output[PATH_MAX],
		       struct error *error)
{
	cleanup_free char *whole = realpath(place, NULL);
	if (!whole)
		return error_set_errno(error, errno, "cannot find %s", place);
	char *name = strrchr(whole, '/') + 1;
	char *point = strrchr(name, '.');
	if (point && (!strcmp(point, PYTHON_ENDING) || !strcmp(point, C_ENDING)))
		*point = 0;
	if (!*name)
		return error_set(error, EINVAL, "name what to write by -o FILE");
	snprintf(output, PATH_MAX, "%s%s", name, ending);
	struct stat status;
	if (!stat(output, &status) && S_ISDIR(status.st_mode))
		return error_set(error, EISDIR,
				 "%s is a directory here: name another file by -o FILE", output);
	return 0;
}

/* ── C ───────────────────────────────────────────────────────────────────────────────────────── */

/* Where mayfly-cc finds a library, unless the user says it: in a build tree it is elsewhere. */
static int set_library(const char *variable, const char *part, struct error *error)
{
	char path[PATH_MAX];
	int result = paths_part(path, sizeof(path), part, error);
	if (result)
		return result;
	*strrchr(path, '/') = 0;
	return setenv(variable, path, 0) ? error_set_errno(error, errno, "setenv failed") : 0;
}

static int find_compiler(char *path, size_t size, struct error *error)
{
	int result = paths_part(path, size, "mayfly-cc", NULL);
	if (result)
		result = paths_part(path, size, "functions/mayfly-cc", error);
	if (!result)
		result = set_library("MAYFLY_LIBRARY", "lib/accel/libvaccel-guest.a", error);
	if (!result)
		result =
		    set_library("MAYFLY_HANDLER_LIBRARY", "lib/handler/libmayfly-handler.a", error);
	return result;
}

static int compile(const struct sources *sources, const char *output, char *const *more,
		   size_t more_count, struct error *error)
{
	char compiler[PATH_MAX];
	int status, result = find_compiler(compiler, sizeof(compiler), error);
	if (result)
		return result;
	cleanup_free const char **words = calloc(sources->c_count + more_count + 4, sizeof(*words));
	if (!words)
		return error_set(error, ENOMEM, "no memory for arguments");
	size_t count = 0;
	words[count++] = compiler;
	words[count++] = "-o";
	words[count++] = output;
	for (size_t i = 0; i < sources->c_count; i++)
		words[count++] = sources->c_files[i];
	for (size_t i = 0; i < more_count; i++)
		words[count++] = more[i];
	const int streams[] = {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO};
	const struct spawn spawn = {.program = compiler,
				    .arguments = words,
				    .descriptors = streams,
				    .descriptor_count = ARRAY_SIZE(streams),
				    .kind = SPAWN_JOB};
	struct spawn_process child;
	result = spawn_start(&spawn, &child);
	if (!result)
		result = spawn_wait(&child, UINT64_MAX, &status);
	if (result)
		return error_set_errno(error, -result, "cannot run %s", compiler);
	if (WIFSIGNALED(status))
		return 128 + WTERMSIG(status);
	if (!WEXITSTATUS(status))
		printf("%s: a program\n", output);
	return WEXITSTATUS(status);
}

/* ── the verb ────────────────────────────────────────────────────────────────────────────────── */

static int build_run(const void *values, const struct operands *operands, struct error *error)
{
	const struct build_values *chosen = values;
	const char *place = operands->words[0];
	char named[PATH_MAX];
	cleanup(sources_release) struct sources sources = {.c_count = 0};
	int result = look(place, &sources, error);
	if (!result)
		result = check(place, &sources, error);
	if (!result && sources.has_python && operands->count > 1)
		result =
		    error_set(error, EINVAL,
			      "%s is in Python: arguments for the compiler mean nothing", place);
	if (!result && !sources.has_python &&
	    (chosen->handler || strcmp(chosen->python, build_defaults.python) != 0))
		result = error_set(error, EINVAL,
				   "%s is in C: --python and --handler are for Python", place);
	if (!result && !chosen->output)
		result = name_output(place, ending_of(&sources), named, error);
	if (result)
		return result;
	const char *output = chosen->output ?: named;
	/* What follows a "--" is the compiler's in any case. */
	const size_t skipped = operands->count > 1 && !strcmp(operands->words[1], "--") ? 2 : 1;
	if (!sources.has_python)
		return compile(&sources, output, (char *const *)operands->words + skipped,
			       operands->count - skipped, error);
	return python_image_pack(
	    &(struct python_image){place, output, chosen->python, chosen->handler}, error);
}

const struct verb verb_build = {
    .name = "build",
    .summary = "Build a function from its source, for mayfly deploy or mayfly run",
    .usage = "DIR|FILE [CC-ARG...]",
    .description =
	"What is there decides. A folder with handler.py, or a file FILE.py, is packed into a root "
	"image with the interpreter and packages that it needs, as mayfly root python does it; the "
	"image is called NAME.img. C files are compiled into one static program by mayfly-cc, "
	"which is "
	"given CC-ARG, for example -ljansson; it is called NAME where it comes from one file, and "
	"NAME.elf where it comes from a folder.\n"
	"NAME is that of the folder or file, without its ending.",
    .options = build_options,
    .option_count = ARRAY_SIZE(build_options),
    .defaults = &build_defaults,
    .values_size = sizeof(struct build_values),
    .least = 1,
    .most = OPERANDS_ANY,
    .stop_at_operand = true,
    .completes = COMPLETE_FILES,
    .run = build_run,
};
