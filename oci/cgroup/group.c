/* Making, opening, entering and removing a group; see cgroup.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "confine/cgroup_files.h"
#include "oci/cgroup/cgroup.h"
#include "oci/cgroup/hierarchies.h"
#include "oci/cgroup/limit_files.h"
#include "oci/cgroup/scope.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/file.h"

/* Killed processes leave their group when they have ended, which takes the kernel a moment. */
#define REMOVAL_LIMIT_NS (2 * NANOSECONDS_PER_SECOND)
#define REMOVAL_STEP_NS	 2000000

#define DEPTH_MAX 32 /* of groups within a container's */

/* ── making ──────────────────────────────────────────────────────────────────────────────────── */

/* Version 1: a new group has neither processors nor nodes, and takes no process without. */
static int inherit_cpuset(int parent, int directory)
{
	static const char *const files[] = {"cpuset.cpus", "cpuset.mems"};
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		char own[4096], above[4096];
		int result = cgroup_file_read(directory, files[i], own, sizeof(own));
		if (!result && own[strspn(own, "\n")])
			continue;
		if (!result)
			result = cgroup_file_read(parent, files[i], above, sizeof(above));
		if (!result)
			result = cgroup_file_write(directory, files[i], above);
		if (result)
			return result;
	}
	return 0;
}

/* Version 2: has a group pass on to those within what it has. What cannot be passed on has no files
 * below, which a limit that needs it tells. */
static void pass_on(int directory)
{
	static const char *const names[] = {"cpu", "cpuset", "io", "memory", "pids", "hugetlb"};
	char has[512], passes[512];
	if (cgroup_file_read(directory, "cgroup.controllers", has, sizeof(has)) ||
	    cgroup_file_read(directory, "cgroup.subtree_control", passes, sizeof(passes)))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char text[32];
		snprintf(text, sizeof(text), "+%s", names[i]);
		if (strstr(has, names[i]))
			cgroup_file_write(directory, "cgroup.subtree_control", text);
	}
}

/* Makes one level in a hierarchy. 1: it was not there; 0: it was. */
static int make_level(const struct oci_cgroup_hierarchy *hierarchy, int parent, const char *name,
		      int *directory)
{
	if (hierarchy->unified)
		pass_on(parent);
	const bool made = !mkdirat(parent, name, 0755);
	if (!made && errno != EEXIST)
		return -errno;
	*directory = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int result = *directory < 0 ? -errno : 0;
	if (!result && hierarchy->controllers & OCI_CONTROLLER_CPUSET)
		result = inherit_cpuset(parent, *directory);
	if (result && made)
		unlinkat(parent, name, AT_REMOVEDIR);
	return result ? result : made;
}

/* Removes the groups of a path that are longer than `kept` bytes, from the inside out. */
static void unmake(const struct oci_cgroup_hierarchy *hierarchy, const char *path, size_t kept)
{
	char whole[2 * PATH_MAX];
	const int used = snprintf(whole, sizeof(whole), "%s%s", hierarchy->mount, path);
	const size_t least = strlen(hierarchy->mount) + kept;
	for (size_t length = (size_t)used; length > least;) {
		whole[length] = 0;
		if (rmdir(whole))
			return;
		while (length > least && whole[--length] != '/')
			;
	}
}

/* *kept: how many bytes of the path were there. */
static int make_path(const struct oci_cgroup_hierarchy *hierarchy, const char *path, size_t *kept)
{
	char name[NAME_MAX + 1];
	bool found = true;
	int made = 0;
	cleanup_close int parent = open(hierarchy->mount, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (parent < 0)
		return -errno;
	*kept = 0;
	for (const char *rest = path; *rest && made >= 0;) {
		const size_t length = strcspn(++rest, "/");
		int directory = -1;
		snprintf(name, sizeof(name), "%.*s", (int)length, rest);
		made = make_level(hierarchy, parent, name, &directory);
		rest += length;
		found &= !made;
		if (found)
			*kept = (size_t)(rest - path);
		if (made < 0 && directory >= 0)
			close(directory);
		if (made < 0)
			break;
		close(parent);
		parent = directory;
	}
	if (made < 0)
		unmake(hierarchy, path, *kept);
	return made < 0 ? made : 0;
}

static int open_group(const char *path, struct oci_cgroup *group, struct error *error)
{
	cleanup_free char *mounts = NULL;
	*group = (struct oci_cgroup){.hierarchies = NULL};
	if ((size_t)snprintf(group->path, sizeof(group->path), "%s", path) >= sizeof(group->path))
		return error_set(error, ENAMETOOLONG, "the path of a control group is too long");
	int result = file_read_generated("/proc/self/mountinfo", &mounts, error);
	return result ? result : oci_hierarchies_read(mounts, group, error);
}

int oci_cgroup_open(const char *path, struct oci_cgroup *group, struct error *error)
{
	int result = open_group(path, group, error);
	if (result)
		oci_cgroup_close(group);
	return result;
}

void oci_cgroup_close(struct oci_cgroup *group)
{
	free(group->hierarchies);
	*group = (struct oci_cgroup){.hierarchies = NULL};
}

/* What was there of the group's path before, in each hierarchy: bytes of it. */
struct making {
	size_t kept[OCI_CGROUP_HIERARCHIES_MAX];
	size_t count; /* of hierarchies in which it has been made */
};

static int make(struct oci_cgroup *group, struct making *making,
		const struct oci_resources *resources, struct error *error)
{
	for (size_t i = 0; i < group->hierarchy_count; i++) {
		const struct oci_cgroup_hierarchy *hierarchy = &group->hierarchies[i];
		int result = make_path(hierarchy, group->path, &making->kept[i]);
		/* Controllers that have no limits, and are mounted for reading only, are not
		 * missed. */
		if (result == -EROFS && !hierarchy->controllers && !hierarchy->unified) {
			making->kept[i] = strlen(group->path);
			result = 0;
		}
		if (result)
			return error_set_errno(error, -result,
					       "cannot make control group '%s' in %s", group->path,
					       hierarchy->mount);
		making->count = i + 1;
	}
	return oci_limits_write(group, resources, error);
}

static int end_making(struct oci_cgroup *group, const struct making *making, int result)
{
	if (!result)
		return 0;
	for (size_t i = 0; i < making->count; i++)
		unmake(&group->hierarchies[i], group->path, making->kept[i]);
	oci_cgroup_close(group);
	return result;
}

/* Also of groups within: all of them would be killed with the container. */
static int require_empty(const struct oci_cgroup *group, struct error *error)
{
	cleanup_free pid_t *pids = NULL;
	size_t count;
	int result = oci_cgroup_processes(group, &pids, &count, error);
	if (!result && count)
		result = error_set(error, EBUSY, "control group '%s' has processes already",
				   group->path);
	return result;
}

int oci_cgroup_make(const char *path, const struct oci_resources *resources,
		    struct oci_cgroup *group, struct error *error)
{
	struct making making = {.count = 0};
	int result = open_group(path, group, error);
	if (!result)
		result = require_empty(group, error);
	if (!result)
		result = make(group, &making, resources, error);
	return end_making(group, &making, result);
}

int oci_cgroup_make_scope(const char *path, pid_t pid, const struct oci_resources *resources,
			  struct oci_cgroup *group, struct error *error)
{
	struct making making = {.count = 0};
	int result = open_group(path, group, error);
	if (!result)
		result = require_empty(group, error);
	if (!result)
		result = oci_scope_start(group, pid, resources, error);
	if (!result)
		result = make(group, &making, resources, error);
	if (!result)
		result = oci_cgroup_add(group, pid, error);
	return end_making(group, &making, result);
}

int oci_cgroup_add(const struct oci_cgroup *group, pid_t pid, struct error *error)
{
	bool added = false;
	for (size_t i = 0; i < group->hierarchy_count; i++) {
		char text[16];
		const struct oci_cgroup_hierarchy *hierarchy = &group->hierarchies[i];
		cleanup_close int directory = oci_hierarchy_open(hierarchy, group->path);
		if (directory == -ENOENT)
			continue;
		snprintf(text, sizeof(text), "%d", pid);
		int result =
		    directory < 0 ? directory : cgroup_file_write(directory, "cgroup.procs", text);
		if (result)
			return error_set_errno(error, -result,
					       "cannot move process %d into control group %s%s",
					       pid, hierarchy->mount, group->path);
		added = true;
	}
	return added ? 0 : error_set(error, ENOENT, "control group '%s' is gone", group->path);
}

int oci_cgroup_update(const struct oci_cgroup *group, const struct oci_resources *resources,
		      struct error *error)
{
	int result = oci_limits_write(group, resources, error);
	return result ? result : oci_scope_update(group, resources, error);
}

/* ── removing ────────────────────────────────────────────────────────────────────────────────── */

/* Removes the groups within the one that the directory is. */
static int remove_within(int directory, unsigned depth)
{
	cleanup_close int copy = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_closedir DIR *entries = copy < 0 ? NULL : fdopendir(copy);
	if (!entries)
		return -errno;
	take_fd(&copy);
	const struct dirent *entry;
	while ((entry = readdir(entries))) {
		if (entry->d_type != DT_DIR || !strcmp(entry->d_name, ".") ||
		    !strcmp(entry->d_name, ".."))
			continue;
		if (!unlinkat(directory, entry->d_name, AT_REMOVEDIR) || errno == ENOENT)
			continue;
		cleanup_close int within = openat(directory, entry->d_name,
						  O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (within < 0 && errno == ENOENT)
			continue;
		if (within < 0)
			return -errno;
		int result = depth < DEPTH_MAX ? remove_within(within, depth + 1) : -ELOOP;
		if (result)
			return result;
		if (unlinkat(directory, entry->d_name, AT_REMOVEDIR) && errno != ENOENT)
			return -errno;
	}
	return 0;
}

static int remove_once(const struct oci_cgroup_hierarchy *hierarchy, const char *path)
{
	char whole[2 * PATH_MAX];
	snprintf(whole, sizeof(whole), "%s%s", hierarchy->mount, path);
	if (!rmdir(whole) || errno == ENOENT)
		return 0;
	cleanup_close int directory = oci_hierarchy_open(hierarchy, path);
	if (directory < 0)
		return directory == -ENOENT ? 0 : directory;
	int result = remove_within(directory, 0);
	if (result)
		return result;
	return rmdir(whole) && errno != ENOENT ? -errno : 0;
}

int oci_cgroup_remove(const struct oci_cgroup *group, struct error *error)
{
	const uint64_t deadline_ns = clock_now_ns() + REMOVAL_LIMIT_NS;
	for (size_t i = 0; i < group->hierarchy_count; i++) {
		const struct oci_cgroup_hierarchy *hierarchy = &group->hierarchies[i];
		int result;
		while ((result = remove_once(hierarchy, group->path)) == -EBUSY &&
		       clock_now_ns() < deadline_ns)
			nanosleep(&(struct timespec){.tv_nsec = REMOVAL_STEP_NS}, NULL);
		if (result)
			return error_set_errno(error, -result, "cannot remove control group %s%s",
					       hierarchy->mount, group->path);
	}
	return 0;
}
