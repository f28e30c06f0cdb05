/* Finding a place for a control group; see cgroup_place.h. */
#include "confine/cgroup_place.h"

#include <errno.h>
#include <linux/magic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "confine/cgroup_files.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/file.h"

static const char *const controller_names[] = {"memory", "pids", "cpu"};

#define CONTROLLERS ARRAY_SIZE(controller_names)

void cgroup_controllers_format(unsigned controllers, const char *prefix, char *out, size_t size)
{
	size_t used = 0;
	*out = 0;
	for (size_t i = 0; i < CONTROLLERS && used < size; i++)
		if (controllers >> i & 1)
			used += (size_t)snprintf(out + used, size - used, "%s%s%s", used ? " " : "",
						 prefix, controller_names[i]);
}

/* Joins a path and a name; false where that is too long. */
static bool join(char *out, const char *path, const char *name)
{
	return (size_t)snprintf(out, PATH_MAX, "%s%s", path, name) < PATH_MAX;
}

/* Those of a group's controllers that we know: of its file cgroup.controllers (those it has) or
 * cgroup.subtree_control (those it passes on). */
static int read_controllers(const char *group, const char *name, unsigned *controllers,
			    struct error *error)
{
	char path[PATH_MAX];
	cleanup_free char *text = NULL;
	*controllers = 0;
	if (!join(path, group, name))
		return error_set(error, ENAMETOOLONG, "the path of a control group is too long");
	int result = file_read_generated(path, &text, error);
	if (result)
		return result;
	char *rest = text;
	for (char *word; (word = strsep(&rest, " \n"));)
		for (size_t i = 0; i < CONTROLLERS; i++)
			if (!strcmp(word, controller_names[i]))
				*controllers |= 1U << i;
	return 0;
}

/* ── this process's own group ────────────────────────────────────────────────────────────────── */

/* The path of this process in the hierarchy of version 2: what follows "0::". */
static int find_membership(const char *membership, char path[PATH_MAX], struct error *error)
{
	for (const char *line = membership; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		size_t length = strcspn(line, "\n");
		if (strncmp(line, "0::/", 4) != 0)
			continue;
		if (length - 3 >= PATH_MAX)
			return error_set(error, ENAMETOOLONG,
					 "the path of a control group is too long");
		memcpy(path, line + 3, length - 3);
		path[length - 3] = 0;
		return 0;
	}
	return error_set(error, ENOTSUP, "the kernel has no cgroup v2");
}

/* The directory of the group `path` where that mount shows it. */
static bool find_below(const struct cgroup_mount *mount, const char *path, char *directory)
{
	size_t skipped = strcmp(mount->root, "/") != 0 ? strlen(mount->root) : 0;
	if (strncmp(path, mount->root, skipped) != 0)
		return false;
	const char *below = path + skipped;
	if (*below && *below != '/')
		return false;
	return join(directory, mount->point, strcmp(below, "/") != 0 ? below : "") &&
	       !access(directory, F_OK);
}

/* *top: the length of the directory's beginning that is the mount point. */
static int find_own(const struct cgroup_surroundings *surroundings, char directory[PATH_MAX],
		    size_t *top, struct error *error)
{
	char path[PATH_MAX] = "";
	int result = find_membership(surroundings->membership, path, error);
	if (result)
		return result;
	cleanup_free char *mounts = strdup(surroundings->mounts);
	if (!mounts)
		return error_set(error, ENOMEM, "no memory for the list of mounts");
	bool mounted = false;
	char *rest = mounts;
	for (char *line; (line = strsep(&rest, "\n"));) {
		struct cgroup_mount mount;
		if (!cgroup_mount_parse(line, &mount) || strcmp(mount.type, "cgroup2") != 0)
			continue;
		mounted = true;
		*top = strlen(mount.point);
		/* A path that begins with "/.." lies outside of this control group namespace. */
		if (strncmp(path, "/..", 3) != 0 && find_below(&mount, path, directory))
			return 0;
	}
	return error_set(error, ENOTSUP,
			 mounted ? "this process's control group is not seen here"
				 : "cgroup v2 is not mounted");
}

/* ── whose it is ─────────────────────────────────────────────────────────────────────────────── */

/* The group above; false at the top. */
static bool go_up(char *directory, size_t top)
{
	char *slash = strrchr(directory, '/');
	if (!slash || strlen(directory) <= top)
		return false;
	*slash = 0;
	return true;
}

static bool is_marked(const char *directory)
{
	static const char *const names[] = {"user.delegate", "trusted.delegate"};
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char value;
		if (getxattr(directory, names[i], &value, sizeof(value)) == 1 && value == '1')
			return true;
	}
	return false;
}

/* A group that is delegated to a user's or a container's systemd is not delegated to us. */
static bool is_systemds(const char *directory)
{
	char path[PATH_MAX];
	return !join(path, directory, "/init.scope") || !access(path, F_OK);
}

static bool is_owned(const char *directory, uid_t user)
{
	struct stat status;
	return !stat(directory, &status) && status.st_uid == user;
}

/* The highest group from `own` upwards that is ours; false: none. Root owns all of them; it stays
 * in its own, so as not to leave limits that somebody set there. */
static bool find_highest(const struct cgroup_surroundings *surroundings, const char *own,
			 size_t top, char highest[PATH_MAX])
{
	char level[PATH_MAX];
	bool found = false;
	join(level, own, "");
	do {
		if (surroundings->systemd) {
			if (!is_marked(level))
				continue;
			join(highest, level, "");
			return !is_systemds(level);
		}
		if (!is_owned(level, surroundings->user))
			break;
		found = join(highest, level, "");
	} while ((surroundings->systemd || surroundings->user) && go_up(level, top));
	return found;
}

/* ── the place ───────────────────────────────────────────────────────────────────────────────── */

/* What the group at place->path has, and passes on. */
static int look_at(struct cgroup_place *place, unsigned controllers, struct error *error)
{
	unsigned has, passes;
	int result = read_controllers(place->path, "/cgroup.controllers", &has, error);
	if (!result)
		result = read_controllers(place->path, "/cgroup.subtree_control", &passes, error);
	if (result)
		return result;
	place->missing = controllers & ~passes;
	unsigned lacks = place->missing & ~has;
	if (!lacks)
		return 0;
	char names[64];
	cgroup_controllers_format(lacks, "", names, sizeof(names));
	return error_set(error, ENOTSUP,
			 "%s has no controllers for %s: cgroup v1 has them, or "
			 "the control group above keeps them",
			 place->path, names);
}

int cgroup_place_find(const struct cgroup_surroundings *surroundings, unsigned controllers,
		      struct cgroup_place *place, struct error *error)
{
	char own[PATH_MAX], highest[PATH_MAX];
	size_t top = 0;
	*place = (struct cgroup_place){0};
	int result = find_own(surroundings, own, &top, error);
	if (result)
		return result;
	/* On machines where version 1 has the controllers, nothing below would help. */
	join(place->path, own, "");
	place->path[top] = 0;
	result = look_at(place, controllers, error);
	if (result)
		return result;
	if (!find_highest(surroundings, own, top, highest))
		return error_set(error, ENOTSUP, "%s is not delegated to Mayfly", own);
	join(place->path, own, "");
	for (;;) {
		place->own = !strcmp(place->path, own);
		result = look_at(place, controllers, error);
		if ((!result && !place->missing) || !strcmp(place->path, highest))
			return result;
		go_up(place->path, top);
	}
}

int cgroup_place_own(const struct cgroup_surroundings *surroundings, unsigned controllers,
		     struct cgroup_place *place, struct error *error)
{
	size_t top = 0;
	*place = (struct cgroup_place){.own = true};
	int result = find_own(surroundings, place->path, &top, error);
	return result ? result : look_at(place, controllers, error);
}

int cgroup_place_named(const char *path, unsigned controllers, struct cgroup_place *place,
		       struct error *error)
{
	struct statfs system;
	*place = (struct cgroup_place){0};
	if (!join(place->path, path, ""))
		return error_set(error, ENAMETOOLONG, "the path of a control group is too long");
	const char *wrong = NULL;
	if (statfs(path, &system))
		wrong = strerrordesc_np(errno);
	else if (system.f_type != CGROUP2_SUPER_MAGIC)
		wrong = "it is something else";
	if (wrong)
		return error_set(error, EINVAL,
				 "'%s' is no control group (%s): name a directory below a mount of "
				 "cgroup v2, for example below /sys/fs/cgroup",
				 path, wrong);
	return look_at(place, controllers, error);
}
