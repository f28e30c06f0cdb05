/* Looking for a container's program; see program.h. */
#include "oci/container/program.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "util/cleanup.h"

#define PATH_USUAL "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* The image's links are followed as if the root were "/". 0 or a negative errno. */
static int look(int directory, const char *path)
{
	const struct open_how how = {.flags = O_PATH | O_CLOEXEC,
				     .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
	struct stat status;
	cleanup_close int fd = (int)syscall(SYS_openat2, directory, path, &how, sizeof(how));
	if (fd < 0 || fstat(fd, &status))
		return -errno;
	/* In the guest everybody may execute what anybody may. */
	return S_ISREG(status.st_mode) && status.st_mode & 0111 ? 0 : -EACCES;
}

static int look_in(int directory, const char *folder, size_t length, const char *name)
{
	char path[PATH_MAX];
	if ((size_t)snprintf(path, sizeof(path), "%.*s/%s", (int)length, folder, name) >=
	    sizeof(path))
		return -ENAMETOOLONG;
	return look(directory, path);
}

static const char *find_path(const struct oci_process *process)
{
	for (const char *const *variable = (const char *const *)process->environment; *variable;
	     variable++)
		if (!strncmp(*variable, "PATH=", 5))
			return *variable + 5;
	return PATH_USUAL;
}

/* The first one that can be executed; else, that there is one which cannot. */
static int search(int directory, const char *path, const char *name)
{
	int result = -ENOENT;
	for (;;) {
		const size_t length = strcspn(path, ":");
		const int found = look_in(directory, path, length, name);
		if (!found)
			return 0;
		if (found == -EACCES)
			result = found;
		if (!path[length])
			return result;
		path += length + 1;
	}
}

int program_check(int directory, const struct oci_process *process, struct error *error)
{
	const char *name = process->arguments[0];
	int result;
	if (!strchr(name, '/')) {
		result = search(directory, find_path(process), name);
		if (result == -ENOENT)
			return error_set(error, ENOENT,
					 "exec: \"%.256s\": executable file not found in $PATH",
					 name);
	} else if (*name == '/') {
		result = look(directory, name);
	} else {
		result = look_in(directory, process->directory, strlen(process->directory), name);
	}
	return result
		   ? error_set(error, -result, "exec: \"%.256s\": %s", name,
			       result == -ENOENT ? "no such file or directory" : strerror(-result))
		   : 0;
}
