/* Where Mayfly keeps things; see paths.h. */
#include "util/paths.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sizes/sizes.h"
#include "util/file.h"
#include "util/trust.h"

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

/* A directory in which programs have folders of their own. */
struct base {
	const char *what, *variable, *below_home;
};

static int print_own(char *out, size_t size, const struct base *base, const char *name,
		     struct error *error)
{
	const char *slash = *name ? "/" : "";
	const char *set = set_variable(base->variable), *home = set_variable("HOME");
	if (set)
		return print_path(out, size, error, "%s/mayfly%s%s", set, slash, name);
	if (home)
		return print_path(out, size, error, "%s/%s/mayfly%s%s", home, base->below_home,
				  slash, name);
	return error_set(error, ENOENT, "no %s directory: set HOME or %s", base->what,
			 base->variable);
}

int paths_cache(char *out, size_t size, const char *name, struct error *error)
{
	static const struct base base = {"cache", "XDG_CACHE_HOME", ".cache"};
	const char *own = set_variable("MAYFLY_CACHE");
	if (own)
		return print_path(out, size, error, "%s%s%s", own, *name ? "/" : "", name);
	return print_own(out, size, &base, name, error);
}

int paths_config(char *out, size_t size, const char *name, struct error *error)
{
	static const struct base base = {"configuration", "XDG_CONFIG_HOME", ".config"};
	return print_own(out, size, &base, name, error);
}

int paths_state(char out[PATH_MAX], const char *given, struct error *error)
{
	static const struct base base = {"state", "XDG_STATE_HOME", ".local/state"};
	char usual[PATH_MAX];
	const char *path = given ?: usual;
	int result = given ? 0 : print_own(usual, sizeof(usual), &base, "", error);
	if (!result)
		result = file_make_directories(path, error);
	if (!result && !realpath(path, out))
		result = error_set_errno(error, errno, "cannot find %s", path);
	return result;
}

/* Makes the directory below `parent` where it is not there, and looks at who may enter it. */
static int make_private(const char *directory, const char *parent, struct error *error)
{
	struct stat status;
	/* Checked before anything is made there. If the parent is missing, mkdir() below says
	 * so. */
	int result = trust_path(parent, error);
	if (result == -EPERM)
		return error_wrap(error, "no run-time directory (set XDG_RUNTIME_DIR to a "
					 "directory of yours, or unset it)");
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
	return 0;
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
	if (!result)
		result = make_private(directory, base ? base : "/tmp", error);
	return result ? result
		      : print_path(out, size, error, "%s%s%s", directory, *name ? "/" : "", name);
}

/* A program of somebody else has this code from a library, and the parts lie beside that: in a
 * folder of its folder where it is installed, above it in a build tree. -ENOENT: they do not. */
static int find_beside_library(char *out, size_t size, const char *name, const char *base,
			       struct error *error)
{
	Dl_info library;
	struct stat own, program;
	if (!dladdr((const void *)(uintptr_t)paths_part, &library) || !library.dli_fname ||
	    !strchr(library.dli_fname, '/') || stat(library.dli_fname, &own) ||
	    stat("/proc/self/exe", &program) ||
	    (own.st_dev == program.st_dev && own.st_ino == program.st_ino))
		return -ENOENT;
	const int length = (int)(strrchr(library.dli_fname, '/') - library.dli_fname);
	const struct {
		const char *folder, *name;
	} places[] = {{"/mayfly", base}, {"/../..", name}};
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		if (print_path(out, size, NULL, "%.*s%s/%s", length, library.dli_fname,
			       places[i].folder, places[i].name))
			return -ENOENT;
		if (!access(out, F_OK))
			return trust_path_beside(out, library.dli_fname, error);
	}
	return -ENOENT;
}

int paths_part(char *out, size_t size, const char *name, struct error *error)
{
	char program[PATH_MAX], whole[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", program, sizeof(program) - 1);
	if (length < 0)
		return error_set_errno(error, errno, "cannot read /proc/self/exe");
	program[length] = 0;
	memcpy(whole, program, (size_t)length + 1);
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
			return trust_path(out, error);
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
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		if (print_path(out, size, error, "%s%s/%s", program, places[i].folder,
			       places[i].name))
			return -ENAMETOOLONG;
		if (!access(out, F_OK))
			return trust_path_beside(out, whole, error);
	}
	int result = find_beside_library(out, size, name, base, error);
	if (result != -ENOENT)
		return result;
	return error_set(
	    error, ENOENT,
	    "%s is missing: looked in %s, its parent and ../lib/mayfly; run make or set "
	    "MAYFLY_LIBDIR",
	    name, program);
}
