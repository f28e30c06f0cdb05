/* Where Mayfly keeps things; see paths.h. */
#include "util/paths.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/file.h"

__attribute__((format(printf, 4, 5))) static int
print_path(char *out, size_t size, struct error *error, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	int length = vsnprintf(out, size, format, arguments);
	va_end(arguments);
	if (length < 0 || (size_t)length >= size)
		return error_set(error, ENAMETOOLONG, "path too long: %.64s…", out);
	return 0;
}

static const char *set_variable(const char *name)
{
	const char *value = getenv(name);
	return value && *value ? value : NULL;
}

int paths_cache(char *out, size_t size, const char *name, struct error *error)
{
	const char *slash = *name ? "/" : "";
	const char *base = set_variable("MAYFLY_CACHE");
	if (base)
		return print_path(out, size, error, "%s%s%s", base, slash, name);
	base = set_variable("XDG_CACHE_HOME");
	if (base)
		return print_path(out, size, error, "%s/mayfly%s%s", base, slash, name);
	base = set_variable("HOME");
	if (base)
		return print_path(out, size, error, "%s/.cache/mayfly%s%s", base, slash, name);
	return error_set(error, ENOENT, "no cache directory: set HOME or XDG_CACHE_HOME");
}

int paths_runtime(char *out, size_t size, const char *name, struct error *error)
{
	const char *base = set_variable("XDG_RUNTIME_DIR");
	char directory[PATH_MAX];
	struct stat status;
	int result;
	char run_user[64];
	snprintf(run_user, sizeof(run_user), "/run/user/%u", getuid());
	if (!base && !stat(run_user, &status) && status.st_uid == getuid())
		base = run_user;
	if (base)
		result = print_path(directory, sizeof(directory), error, "%s/mayfly", base);
	else
		result =
		    print_path(directory, sizeof(directory), error, "/tmp/mayfly-%u", getuid());
	if (result)
		return result;
	if (mkdir(directory, 0700) && errno != EEXIST)
		return error_set(
		    error, errno,
		    "cannot make run-time directory %s: %s; set XDG_RUNTIME_DIR to a directory of "
		    "yours",
		    directory, strerrordesc_np(errno));
	if (lstat(directory, &status))
		return error_set_errno(error, errno, "cannot stat %s", directory);
	if (!S_ISDIR(status.st_mode) || status.st_uid != geteuid() || (status.st_mode & 077))
		return error_set(error, EPERM,
				 "run-time directory %s must be a directory of yours with mode "
				 "0700: mend it, or set XDG_RUNTIME_DIR to another place",
				 directory);
	return print_path(out, size, error, "%s%s%s", directory, *name ? "/" : "", name);
}

int paths_part(char *out, size_t size, const char *name, struct error *error)
{
	char program[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", program, sizeof(program) - 1);
	if (length < 0)
		return error_set_errno(error, errno, "cannot read /proc/self/exe");
	program[length] = 0;
	char *slash = strrchr(program, '/');
	if (slash)
		*slash = 0;
	const char *base = strrchr(name, '/');
	base = base ? base + 1 : name;
	const char *chosen = set_variable("MAYFLY_LIBDIR");
	if (chosen) {
		if (print_path(out, size, error, "%s/%s", chosen, name))
			return -ENAMETOOLONG;
		if (!access(out, F_OK))
			return 0;
	}
	/* A build tree has the parts in folders beneath the command; a program that stands in such
	 * a folder itself finds them beside it. An installation keeps them in lib/mayfly, most of
	 * them without a folder of their own. */
	const struct {
		const char *folder, *name;
	} places[] = {{"", name},
		      {"/..", name},
		      {"/../lib/mayfly", name},
		      {"/../lib/mayfly", base},
		      {"/../mayfly", base}}; /* for programs in lib/mayfly itself */
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		if (print_path(out, size, error, "%s%s/%s", program, places[i].folder,
			       places[i].name))
			return -ENAMETOOLONG;
		if (!access(out, F_OK))
			return 0;
	}
	return error_set(
	    error, ENOENT,
	    "%s is missing: looked in %s, its parent and ../lib/mayfly; run make or set "
	    "MAYFLY_LIBDIR",
	    name, program);
}
