/* The processes of a group: which there are, stopping and ending them; see cgroup.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "confine/cgroup_files.h"
#include "oci/cgroup/cgroup.h"
#include "oci/cgroup/hierarchies.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/file.h"

#define LIMIT_NS (10 * NANOSECONDS_PER_SECOND)
#define STEP_NS	 1000000

#define DEPTH_MAX 32 /* of groups within a container's */

#define PROCESSES_MAX 1000000U

struct process_list {
	pid_t *pids;
	size_t count, room;
};

static int add_pid(struct process_list *list, pid_t pid)
{
	if (list->count == list->room) {
		const size_t room = list->room ? 2 * list->room : 64;
		pid_t *pids =
		    room > PROCESSES_MAX ? NULL : reallocarray(list->pids, room, sizeof(*pids));
		if (!pids)
			return -ENOMEM;
		list->pids = pids;
		list->room = room;
	}
	list->pids[list->count++] = pid;
	return 0;
}

static int read_processes(int directory, struct process_list *list)
{
	cleanup_close int fd = openat(directory, "cgroup.procs", O_RDONLY | O_CLOEXEC);
	cleanup_fclose FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
	int pid, result = 0;
	if (!file)
		return errno == ENOENT ? 0 : -errno;
	take_fd(&fd);
	/* 0: it is in another namespace of processes. */
	while (!result && fscanf(file, "%d", &pid) == 1)
		if (pid > 0)
			result = add_pid(list, pid);
	return result;
}

static int collect(int directory, struct process_list *list, unsigned depth)
{
	int result = read_processes(directory, list);
	/* A group of threads has its processes in the one around it, and cannot be read. */
	if (result && result != -EOPNOTSUPP)
		return result;
	cleanup_close int copy = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_closedir DIR *entries = copy < 0 ? NULL : fdopendir(copy);
	if (!entries)
		return errno == ENOENT ? 0 : -errno;
	take_fd(&copy);
	const struct dirent *entry;
	while ((entry = readdir(entries))) {
		if (entry->d_type != DT_DIR || !strcmp(entry->d_name, ".") ||
		    !strcmp(entry->d_name, ".."))
			continue;
		cleanup_close int within = openat(directory, entry->d_name,
						  O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (within < 0)
			continue; /* gone meanwhile */
		result = depth < DEPTH_MAX ? collect(within, list, depth + 1) : -ELOOP;
		if (result)
			return result;
	}
	return 0;
}

static int compare(const void *a, const void *b)
{
	const pid_t one = *(const pid_t *)a, other = *(const pid_t *)b;
	return (one > other) - (one < other);
}

int oci_cgroup_processes(const struct oci_cgroup *group, pid_t **pids, size_t *count,
			 struct error *error)
{
	struct process_list list = {.pids = NULL};
	size_t kept = 0;
	int result = 0;
	*pids = NULL;
	*count = 0;
	for (size_t i = 0; i < group->hierarchy_count && !result; i++) {
		cleanup_close int directory =
		    oci_hierarchy_open(&group->hierarchies[i], group->path);
		if (directory != -ENOENT)
			result = directory < 0 ? directory : collect(directory, &list, 0);
	}
	if (result) {
		free(list.pids);
		return error_set_errno(
		    error, -result, "cannot read the processes of control group '%s'", group->path);
	}
	if (list.count)
		qsort(list.pids, list.count, sizeof(*list.pids), compare);
	for (size_t i = 0; i < list.count; i++)
		if (!kept || list.pids[kept - 1] != list.pids[i])
			list.pids[kept++] = list.pids[i];
	*pids = list.pids;
	*count = kept;
	return 0;
}

/* ── stopping ────────────────────────────────────────────────────────────────────────────────── */

static void wait_a_little(void)
{
	nanosleep(&(struct timespec){.tv_nsec = STEP_NS}, NULL);
}

static bool reads_frozen(int directory, bool unified, bool frozen)
{
	char text[256];
	if (cgroup_file_read(directory, unified ? "cgroup.events" : "freezer.state", text,
			     sizeof(text)))
		return false;
	if (unified)
		return (cgroup_file_number(text, "frozen") != 0) == frozen;
	return !strcmp(text, frozen ? "FROZEN\n" : "THAWED\n");
}

static int open_freezer(const struct oci_cgroup *group, bool *unified)
{
	const struct oci_cgroup_hierarchy *hierarchy =
	    oci_hierarchy_of(group, OCI_CONTROLLER_FREEZER);
	if (!hierarchy)
		return -ENOTSUP;
	*unified = hierarchy->unified;
	return oci_hierarchy_open(hierarchy, group->path);
}

static int set_frozen(int directory, bool unified, bool frozen)
{
	if (unified)
		return cgroup_file_write(directory, "cgroup.freeze", frozen ? "1" : "0");
	return cgroup_file_write(directory, "freezer.state", frozen ? "FROZEN" : "THAWED");
}

int oci_cgroup_freeze(const struct oci_cgroup *group, bool frozen, struct error *error)
{
	const uint64_t deadline_ns = clock_now_ns() + LIMIT_NS;
	const char *what = frozen ? "stop" : "resume";
	bool unified = false;
	cleanup_close int directory = open_freezer(group, &unified);
	int result = directory < 0 ? directory : set_frozen(directory, unified, frozen);
	while (!result && !reads_frozen(directory, unified, frozen)) {
		if (clock_now_ns() >= deadline_ns) {
			set_frozen(directory, unified, false);
			return error_set(error, ETIMEDOUT,
					 "the processes of control group '%s' do not %s",
					 group->path, what);
		}
		wait_a_little();
		/* In version 1 a process that is made meanwhile is caught by the next attempt. */
		if (!unified)
			result = set_frozen(directory, unified, frozen);
	}
	return result ? error_set_errno(error, -result,
					"cannot %s the processes of control group '%s'", what,
					group->path)
		      : 0;
}

bool oci_cgroup_is_frozen(const struct oci_cgroup *group)
{
	bool unified = false;
	cleanup_close int directory = open_freezer(group, &unified);
	return directory >= 0 && reads_frozen(directory, unified, true);
}

/* ── signals ─────────────────────────────────────────────────────────────────────────────────── */

#define BATCH 64

static bool is_listed(const pid_t *pids, size_t count, pid_t pid)
{
	return count && bsearch(&pid, pids, count, sizeof(*pids), compare);
}

/* A number may be another process's by now. So each process is opened first; it is the group's if its
 * number is still there afterwards. */
static int signal_batch(const struct oci_cgroup *group, const pid_t *pids, size_t count, int signal,
			struct error *error)
{
	int opened[BATCH];
	cleanup_free pid_t *present = NULL;
	size_t present_count = 0;
	for (size_t i = 0; i < count; i++)
		opened[i] = (int)syscall(SYS_pidfd_open, pids[i], 0);
	int result = oci_cgroup_processes(group, &present, &present_count, error);
	for (size_t i = 0; i < count; i++) {
		if (opened[i] < 0)
			continue;
		if (!result && is_listed(present, present_count, pids[i]))
			syscall(SYS_pidfd_send_signal, opened[i], signal, NULL, 0);
		close(opened[i]);
	}
	return result;
}

static int signal_all(const struct oci_cgroup *group, int signal, size_t *count,
		      struct error *error)
{
	cleanup_free pid_t *pids = NULL;
	int result = oci_cgroup_processes(group, &pids, count, error);
	for (size_t i = 0; i < *count && !result; i += BATCH)
		result = signal_batch(group, pids + i, *count - i < BATCH ? *count - i : BATCH,
				      signal, error);
	return result;
}

/* Has the kernel kill all at once, from Linux 5.14 on in version 2: no process can be made meanwhile
 * that is forgotten. */
static void kill_at_once(const struct oci_cgroup *group)
{
	const struct oci_cgroup_hierarchy *unified = oci_hierarchy_unified(group);
	cleanup_close int directory = unified ? oci_hierarchy_open(unified, group->path) : -1;
	if (directory >= 0)
		cgroup_file_write(directory, "cgroup.kill", "1");
}

static int kill_all(const struct oci_cgroup *group, struct error *error)
{
	const uint64_t deadline_ns = clock_now_ns() + LIMIT_NS;
	bool unified = false;
	cleanup_close int freezer = open_freezer(group, &unified);
	kill_at_once(group);
	for (;;) {
		size_t count = 0;
		int result = signal_all(group, SIGKILL, &count, error);
		if (result || !count)
			return result;
		/* In version 1 what is frozen ends when it goes on. */
		if (freezer >= 0 && !unified)
			set_frozen(freezer, false, false);
		if (clock_now_ns() >= deadline_ns)
			return error_set(error, ETIMEDOUT,
					 "%zu processes of control group '%s' do not end", count,
					 group->path);
		wait_a_little();
	}
}

int oci_cgroup_kill(const struct oci_cgroup *group, int signal, struct error *error)
{
	size_t count = 0;
	return signal == SIGKILL ? kill_all(group, error)
				 : signal_all(group, signal, &count, error);
}
