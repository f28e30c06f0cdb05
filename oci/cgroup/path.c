/* The path of a container's group; see cgroup.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "oci/cgroup/cgroup.h"

#define PARENT "/mayfly-oci"

#define SCOPE_PREFIX "mayfly-oci"

static int too_long(struct error *error)
{
	return error_set(error, ENAMETOOLONG, "linux.cgroupsPath: too long");
}

/* No ".", no "..", nothing that is no name of a directory; slashes at the end and double ones go. */
static int clean(const char *given, char path[PATH_MAX], struct error *error)
{
	size_t used = 0;
	for (const char *name = given; *name; name += strcspn(name, "/")) {
		name += strspn(name, "/");
		const size_t length = strcspn(name, "/");
		if (!length)
			break;
		if (length > NAME_MAX || used + length + 2 > PATH_MAX)
			return too_long(error);
		if (!strncmp(name, "..", length) || memchr(name, '\n', length))
			return error_set(error, EINVAL,
					 "linux.cgroupsPath: '%.100s' has '.', '..' or an end of "
					 "line in it",
					 given);
		path[used++] = '/';
		memcpy(path + used, name, length);
		used += length;
	}
	path[used] = 0;
	if (!used)
		return error_set(error, EINVAL, "linux.cgroupsPath: '%.100s' names no group",
				 given);
	return 0;
}

/* ── as systemd lays groups out ──────────────────────────────────────────────────────────────── */

/* "a-b.slice" lies in "a.slice", and so on: systemd.slice(5). "-.slice" is the root. */
static int expand_slice(const char *slice, size_t length, char out[PATH_MAX], size_t *used,
			struct error *error)
{
	static const char ending[] = ".slice";
	const size_t stem = length - (sizeof(ending) - 1);
	if (length < sizeof(ending) || strncmp(slice + stem, ending, sizeof(ending) - 1) != 0 ||
	    memchr(slice, '/', length))
		return error_set(error, EINVAL, "linux.cgroupsPath: '%.*s' is no slice",
				 length < 100 ? (int)length : 100, slice);
	*used = 0;
	if (stem == 1 && *slice == '-')
		return 0;
	for (size_t i = 1; i <= stem; i++) {
		if (i < stem && slice[i] != '-')
			continue;
		if (slice[i - 1] == '-' || *slice == '-')
			return error_set(error, EINVAL, "linux.cgroupsPath: '%.*s' is no slice",
					 length < 100 ? (int)length : 100, slice);
		const int written =
		    snprintf(out + *used, PATH_MAX - *used, "/%.*s%s", (int)i, slice, ending);
		if (written < 0 || *used + (size_t)written >= PATH_MAX)
			return too_long(error);
		*used += (size_t)written;
	}
	return 0;
}

static int systemd_path(const char *given, const char *id, char out[PATH_MAX], struct error *error)
{
	char whole[PATH_MAX];
	size_t used = 0;
	if (!*given) {
		if ((size_t)snprintf(whole, sizeof(whole), "system.slice:" SCOPE_PREFIX ":%s",
				     id) >= sizeof(whole))
			return too_long(error);
		given = whole;
	}
	const char *prefix = strchr(given, ':');
	const char *name = prefix ? strchr(prefix + 1, ':') : NULL;
	if (!name || strchr(name + 1, ':') || !name[1] || strchr(prefix, '/'))
		return error_set(error, EINVAL,
				 "linux.cgroupsPath: '%.100s' is not SLICE:PREFIX:NAME, which "
				 "--systemd-cgroup wants",
				 given);
	const size_t slice = (size_t)(prefix - given);
	int result = expand_slice(slice ? given : "system.slice",
				  slice ? slice : strlen("system.slice"), out, &used, error);
	if (result)
		return result;
	const int prefix_length = (int)(name - prefix - 1);
	const int written = snprintf(out + used, PATH_MAX - used, "/%.*s%s%s.scope", prefix_length,
				     prefix + 1, prefix_length ? "-" : "", name + 1);
	return written < 0 || used + (size_t)written >= PATH_MAX ? too_long(error) : 0;
}

int oci_cgroup_path(const char *cgroups_path, bool systemd, const char *id, char path[PATH_MAX],
		    struct error *error)
{
	char whole[PATH_MAX] = "";
	int written;
	if (systemd) {
		int result = systemd_path(cgroups_path, id, whole, error);
		return result ? result : clean(whole, path, error);
	}
	if (*cgroups_path == '/')
		return clean(cgroups_path, path, error);
	written = snprintf(whole, sizeof(whole), PARENT "/%s", *cgroups_path ? cgroups_path : id);
	if (written < 0 || (size_t)written >= sizeof(whole))
		return too_long(error);
	return clean(whole, path, error);
}
