/* Making and removing a control group; see cgroup.h. */
#include "confine/cgroup.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "confine/cgroup_files.h"
#include "confine/cgroup_place.h"
#include "confine/sanitizers.h"
#include "confine/systemd_scope.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/file.h"
#include "util/log.h"

/* Names of groups begin so, and the maker's process id follows. A maker that has to move goes into
 * a group whose name begins with the second one. */
#define GROUP_PREFIX  "mayfly-run-"
#define BROKER_PREFIX "mayfly-broker-"

/* Makers in other pid namespaces may have the same number. */
#define NAMES_MAX 16

/* The kernel deals processor time out in periods of this length. */
#define CPU_PERIOD_US 100000U

/* Killed processes end at once, except for those that the kernel is busy with. */
#define REMOVAL_LIMIT_NS NANOSECONDS_PER_SECOND

/* ── groups that makers left ─────────────────────────────────────────────────────────────────── */

static bool is_name(const char *name, const char *prefix)
{
	size_t length = strlen(prefix);
	if (strncmp(name, prefix, length) != 0 || !isdigit((unsigned char)name[length]))
		return false;
	return !name[length + strspn(name + length, "0123456789.")];
}

/* The kernel refuses to remove a group that has processes. */
static void remove_left_overs(int parent)
{
	int copy = openat(parent, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_closedir DIR *groups = copy >= 0 ? fdopendir(copy) : NULL;
	if (!groups) {
		if (copy >= 0)
			close(copy);
		return;
	}
	const struct dirent *entry;
	while ((entry = readdir(groups))) {
		if (!is_name(entry->d_name, GROUP_PREFIX) && !is_name(entry->d_name, BROKER_PREFIX))
			continue;
		cleanup_close int group =
		    openat(parent, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (group >= 0 && !flock(group, LOCK_EX | LOCK_NB))
			unlinkat(parent, entry->d_name, AT_REMOVEDIR);
	}
}

/* ── making ──────────────────────────────────────────────────────────────────────────────────── */

/* Makes a locked group. Before it is locked, another maker may take it for one that was left over
 * and remove it; then the next name is tried. Returns the group's directory or a negative errno. */
static int make_locked(int parent, const char *prefix, char *name, size_t size)
{
	for (unsigned i = 0; i < NAMES_MAX; i++) {
		struct stat made, found;
		snprintf(name, size, i ? "%s%d.%u" : "%s%d", prefix, getpid(), i);
		if (mkdirat(parent, name, 0755)) {
			if (errno == EEXIST)
				continue;
			return -errno;
		}
		cleanup_close int group =
		    openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (group >= 0 && !flock(group, LOCK_EX | LOCK_NB) && !fstat(group, &made) &&
		    !fstatat(parent, name, &found, AT_SYMLINK_NOFOLLOW) &&
		    made.st_ino == found.st_ino)
			return take_fd(&group);
	}
	return -EEXIST;
}

static int pass_controllers_on(int parent, unsigned controllers)
{
	char text[64];
	cgroup_controllers_format(controllers, "+", text, sizeof(text));
	return cgroup_file_write(parent, "cgroup.subtree_control", text);
}

static int add_process(int group, pid_t pid)
{
	char text[16];
	snprintf(text, sizeof(text), "%d", pid);
	return cgroup_file_write(group, "cgroup.procs", text);
}

/* Moves this process (0) and its companions there. */
static int move_to(int group, const pid_t *companions)
{
	int result = add_process(group, 0);
	for (; *companions && !result; companions++)
		result = add_process(group, *companions);
	return result;
}

/* Moves this process out of a group in which it is alone. */
static int move_out(struct confine_cgroup *group, unsigned controllers, const pid_t *companions)
{
	char name[64];
	int broker = make_locked(group->parent, BROKER_PREFIX, name, sizeof(name));
	if (broker < 0)
		return broker;
	int result = move_to(broker, companions);
	if (!result)
		result = pass_controllers_on(group->parent, controllers);
	if (!result) {
		group->broker = broker;
		return 0;
	}
	move_to(group->parent, companions);
	unlinkat(group->parent, name, AT_REMOVEDIR);
	close(broker);
	return result;
}

static int open_place(struct confine_cgroup *group, const struct cgroup_place *place,
		      const pid_t *companions, struct error *error)
{
	group->parent = open(place->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (group->parent < 0)
		return error_set_errno(error, errno, "cannot open %s", place->path);
	if (!place->missing)
		return 0;
	int result = pass_controllers_on(group->parent, place->missing);
	if (result == -EBUSY && place->own && companions)
		result = move_out(group, place->missing, companions);
	if (result == -EBUSY)
		return error_set(error, EBUSY,
				 "%s cannot pass limits on: there are processes in it",
				 place->path);
	return result ? error_set_errno(error, -result, "%s cannot pass limits on", place->path)
		      : 0;
}

/* Takes the group that this process is in, or with `own` unset the nearest one that is its. */
static int find_present_place(bool own, unsigned controllers, struct cgroup_place *place,
			      struct error *error)
{
	cleanup_free char *membership = NULL;
	cleanup_free char *mounts = NULL;
	int result = file_read_generated("/proc/self/cgroup", &membership, error);
	if (!result)
		result = file_read_generated("/proc/self/mountinfo", &mounts, error);
	if (result)
		return result;
	const struct cgroup_surroundings surroundings = {
	    .membership = membership,
	    .mounts = mounts,
	    .systemd = systemd_rules(),
	    .user = geteuid(),
	};
	return own ? cgroup_place_own(&surroundings, controllers, place, error)
		   : cgroup_place_find(&surroundings, controllers, place, error);
}

static int find_scope(unsigned controllers, struct cgroup_place *place, const pid_t *companions,
		      struct error *error)
{
	if (!companions)
		return error_set(error, EPERM,
				 "systemd gives this process a control group only together with "
				 "itself, and it may not be moved");
	int result = systemd_scope_enter(companions, error);
	return result ? result : find_present_place(true, controllers, place, error);
}

static int find_place(const char *named, unsigned controllers, struct cgroup_place *place,
		      const pid_t *companions, struct error *error)
{
	if (named && !strcmp(named, CONFINE_CGROUP_SYSTEMD))
		return find_scope(controllers, place, companions, error);
	const bool own = named && !strcmp(named, CONFINE_CGROUP_SELF);
	if (named && !own)
		return cgroup_place_named(named, controllers, place, error);
	int result = find_present_place(own, controllers, place, error);
	/* Only for limits that somebody asked for: it takes longer than many a run. */
	if (result == -ENOTSUP && !own && controllers & CGROUP_CPU && companions && systemd_rules())
		return find_scope(controllers, place, companions, error);
	return result;
}

static int set_number(const struct confine_cgroup *group, const char *name, uint64_t number,
		      struct error *error)
{
	char text[32];
	snprintf(text, sizeof(text), "%" PRIu64, number);
	int result = cgroup_file_write(group->group, name, text);
	return result ? error_set_errno(error, -result, "cannot set %s/%s", group->path, name) : 0;
}

static int set_limits(const struct confine_cgroup *group,
		      const struct confine_cgroup_limits *limits, struct error *error)
{
	int result = 0;
	if (limits->memory != UINT64_MAX)
		result = set_number(group, "memory.max", limits->memory, error);
	/* All of it or nothing: a monitor without its guests is of no use,
	 * nor the other way round. */
	if (!result)
		result = set_number(group, "memory.oom.group", 1, error);
	if (!result)
		result = set_number(group, "pids.max", limits->processes, error);
	if (result)
		return result;
	/* A kernel without swap has no such file. */
	result = cgroup_file_write(group->group, "memory.swap.max", "0");
	if (result && result != -ENOENT)
		return error_set_errno(error, -result, "cannot set %s/memory.swap.max",
				       group->path);
	if (!limits->cpus)
		return 0;
	char text[64];
	snprintf(text, sizeof(text), "%" PRIu64 " %u",
		 limits->cpus * (CPU_PERIOD_US / CONFINE_CPU_SCALE), CPU_PERIOD_US);
	result = cgroup_file_write(group->group, "cpu.max", text);
	return result ? error_set_errno(error, -result, "cannot set %s/cpu.max", group->path) : 0;
}

static int make(struct confine_cgroup *group, const char *named,
		const struct confine_cgroup_limits *limits, const pid_t *companions,
		struct error *error)
{
	struct cgroup_place place = {.own = false};
	unsigned controllers = CGROUP_MEMORY | CGROUP_PIDS | (limits->cpus ? CGROUP_CPU : 0U);
	int result = find_place(named, controllers, &place, companions, error);
	if (result)
		return result;
	if (CONFINE_SANITIZED)
		return error_set(error, ENOTSUP, "%s", CONFINE_SANITIZED_TEXT);
	result = open_place(group, &place, companions, error);
	if (result)
		return result;
	remove_left_overs(group->parent);
	group->group = make_locked(group->parent, GROUP_PREFIX, group->name, sizeof(group->name));
	if (group->group < 0) {
		int code = -group->group;
		group->group = -1;
		return error_set_errno(error, code, "cannot make a control group in %s",
				       place.path);
	}
	if ((size_t)snprintf(group->path, sizeof(group->path), "%s/%s", place.path, group->name) >=
	    sizeof(group->path))
		return error_set(error, ENAMETOOLONG, "the path of a control group is too long");
	group->memory = limits->memory;
	return set_limits(group, limits, error);
}

int confine_cgroup_make(struct confine_cgroup *group, const char *named,
			const struct confine_cgroup_limits *limits, const pid_t *companions,
			struct error *error)
{
	struct error reason = {0};
	*group = (struct confine_cgroup)CONFINE_CGROUP_NONE;
	int result = make(group, named, limits, companions, &reason);
	if (!result)
		return 0;
	confine_cgroup_remove(group);
	group->missing = reason;
	return error_set(error, reason.code, "%s", reason.text);
}

/* ── afterwards ──────────────────────────────────────────────────────────────────────────────── */

/* Waits until no process is in the group, or the limit is reached. */
static void await_empty(int group)
{
	char text[256];
	cleanup_close int events = openat(group, "cgroup.events", O_RDONLY | O_CLOEXEC);
	struct pollfd changed = {.fd = events, .events = POLLPRI};
	uint64_t deadline_ns = clock_now_ns() + REMOVAL_LIMIT_NS;
	while (events >= 0 && clock_now_ns() < deadline_ns) {
		ssize_t got = pread(events, text, sizeof(text) - 1, 0);
		text[got > 0 ? got : 0] = 0;
		if (!cgroup_file_number(text, "populated"))
			return;
		struct timespec left = clock_left_until(deadline_ns);
		ppoll(&changed, 1, &left, NULL);
	}
}

void confine_cgroup_remove(struct confine_cgroup *group)
{
	if (group->group >= 0) {
		/* The file exists from Linux 5.14 on. Before, processes of the group are left to
		 * end by themselves. */
		cgroup_file_write(group->group, "cgroup.kill", "1");
		await_empty(group->group);
		if (unlinkat(group->parent, group->name, AT_REMOVEDIR))
			log_debug("%s is left behind: %s", group->path, strerrordesc_np(errno));
	}
	confine_cgroup_forget(group);
}

void confine_cgroup_forget(struct confine_cgroup *group)
{
	const int directories[] = {group->group, group->parent, group->broker};
	for (size_t i = 0; i < ARRAY_SIZE(directories); i++)
		if (directories[i] >= 0)
			close(directories[i]);
	group->group = group->parent = group->broker = -1;
}

int confine_cgroup_add(const struct confine_cgroup *group, pid_t pid)
{
	return group->group < 0 ? 0 : add_process(group->group, pid);
}

enum confine_memory confine_cgroup_memory(const struct confine_cgroup *group)
{
	char events[512] = "";
	if (group->group < 0 ||
	    cgroup_file_read(group->group, "memory.events", events, sizeof(events)) ||
	    !cgroup_file_number(events, "oom_kill"))
		return CONFINE_MEMORY_ENOUGH;
	return cgroup_file_number(events, "oom") ? CONFINE_MEMORY_USED_UP : CONFINE_MEMORY_OUTSIDE;
}
