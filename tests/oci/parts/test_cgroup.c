/* Control groups of containers: real groups of this machine, of whichever version it has. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "confine/cgroup_files.h"
#include "oci/cgroup/cgroup.h"
#include "oci/cgroup/hierarchies.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"

/* ── real groups ─────────────────────────────────────────────────────────────────────────────── */

static char parent[PATH_MAX], path[PATH_MAX];

/* How many directories the path has in the hierarchies of this machine. */
static unsigned count_directories(const char *name)
{
	struct oci_cgroup group;
	struct error error = {0};
	unsigned count = 0;
	CHECK_NUMBER(oci_cgroup_open(name, &group, &error), 0);
	for (size_t i = 0; i < group.hierarchy_count; i++) {
		cleanup_close int directory = oci_hierarchy_open(&group.hierarchies[i], name);
		count += directory >= 0;
	}
	oci_cgroup_close(&group);
	return count;
}

/* A child in the group that is still there when this returns. */
static pid_t start_child(const struct oci_cgroup *group, void (*body)(void))
{
	int ends[2];
	char byte;
	struct error error = {0};
	CHECK(!pipe2(ends, O_CLOEXEC));
	pid_t pid = fork();
	if (!pid) {
		bool in = !oci_cgroup_add(group, 0, &error);
		if (in && write(ends[1], "", 1) == 1)
			body();
		_exit(100);
	}
	close(ends[1]);
	CHECK(pid > 0 && read(ends[0], &byte, 1) == 1);
	close(ends[0]);
	return pid;
}

static void wait_for_ever(void)
{
	for (;;)
		pause();
}

/* Some processes that go on without this one. */
static void have_children(void)
{
	for (unsigned i = 0; i < 5; i++)
		if (!fork())
			wait_for_ever();
	wait_for_ever();
}

static int how_it_ended(pid_t pid)
{
	int status = -1;
	CHECK(waitpid(pid, &status, 0) == pid);
	return WIFSIGNALED(status) ? WTERMSIG(status) : -WEXITSTATUS(status);
}

static size_t count_processes(const struct oci_cgroup *group)
{
	cleanup_free pid_t *pids = NULL;
	size_t count = 0;
	struct error error = {0};
	CHECK_NUMBER(oci_cgroup_processes(group, &pids, &count, &error), 0);
	return count;
}

static void test_life(const struct oci_resources *resources)
{
	struct oci_cgroup group, again;
	struct error error = {0};
	struct oci_cgroup_statistics statistics;
	CHECK_NUMBER(oci_cgroup_make(path, resources, &group, &error), 0);
	CHECK_TEXT(error.text, "");
	CHECK_NUMBER(count_directories(path), group.hierarchy_count);
	CHECK_NUMBER(count_processes(&group), 0);
	pid_t pid = start_child(&group, have_children);
	for (unsigned i = 0; i < 1000 && count_processes(&group) < 6; i++)
		usleep(1000);
	CHECK_NUMBER(count_processes(&group), 6);
	CHECK_NUMBER(oci_cgroup_statistics(&group, &statistics, &error), 0);
	CHECK(statistics.cpu_ns > 0);
	/* Another one of the same name. */
	CHECK_NUMBER(oci_cgroup_make(path, resources, &again, &error), -EBUSY);
	CHECK(strstr(error.text, "has processes already"));
	CHECK_NUMBER(count_processes(&group), 6);
	CHECK_NUMBER(oci_cgroup_remove(&group, &error), -EBUSY);
	/* A signal reaches all of them. */
	CHECK_NUMBER(oci_cgroup_kill(&group, SIGTERM, &error), 0);
	CHECK_NUMBER(how_it_ended(pid), SIGTERM);
	CHECK_NUMBER(oci_cgroup_kill(&group, SIGKILL, &error), 0);
	CHECK_NUMBER(count_processes(&group), 0);
	CHECK_NUMBER(oci_cgroup_remove(&group, &error), 0);
	CHECK_NUMBER(count_directories(path), 0);
	CHECK_NUMBER(oci_cgroup_remove(&group, &error), 0);
	CHECK_NUMBER(oci_cgroup_kill(&group, SIGKILL, &error), 0);
	CHECK_NUMBER(count_processes(&group), 0);
	CHECK_NUMBER(oci_cgroup_add(&group, 0, &error), -ENOENT);
	CHECK(!oci_cgroup_is_frozen(&group));
	oci_cgroup_close(&group);
}

static char state_of(pid_t pid)
{
	char name[64], state = 0;
	snprintf(name, sizeof(name), "/proc/%d/stat", pid);
	cleanup_fclose FILE *file = fopen(name, "re");
	CHECK(file && fscanf(file, "%*d (%*[^)]) %c", &state) == 1);
	return state;
}

static void test_freezing(void)
{
	const struct oci_resources none = {.tree = NULL};
	struct oci_cgroup group;
	struct error error = {0};
	CHECK_NUMBER(oci_cgroup_make(path, &none, &group, &error), 0);
	pid_t pid = start_child(&group, wait_for_ever);
	CHECK(!oci_cgroup_is_frozen(&group));
	CHECK_NUMBER(oci_cgroup_freeze(&group, true, &error), 0);
	CHECK_NUMBER(oci_cgroup_freeze(&group, true, &error), 0);
	CHECK(oci_cgroup_is_frozen(&group));
	/* In version 1 a signal waits until it goes on. */
	CHECK_NUMBER(oci_cgroup_kill(&group, SIGUSR1, &error), 0);
	CHECK(oci_hierarchy_of(&group, OCI_CONTROLLER_FREEZER)->unified || state_of(pid) != 'Z');
	CHECK_NUMBER(oci_cgroup_freeze(&group, false, &error), 0);
	CHECK(!oci_cgroup_is_frozen(&group));
	CHECK_NUMBER(how_it_ended(pid), SIGUSR1);
	/* SIGKILL does not. */
	pid = start_child(&group, wait_for_ever);
	CHECK_NUMBER(oci_cgroup_freeze(&group, true, &error), 0);
	CHECK_NUMBER(oci_cgroup_kill(&group, SIGKILL, &error), 0);
	CHECK_NUMBER(how_it_ended(pid), SIGKILL);
	CHECK_NUMBER(oci_cgroup_remove(&group, &error), 0);
	oci_cgroup_close(&group);
}

/* Groups within, as a monitor makes one. */
static void test_within(void)
{
	const struct oci_resources none = {.tree = NULL};
	struct oci_cgroup group, within;
	struct error error = {0};
	char name[PATH_MAX + 16];
	CHECK_NUMBER(oci_cgroup_make(path, &none, &group, &error), 0);
	snprintf(name, sizeof(name), "%s/a/b", path);
	CHECK_NUMBER(oci_cgroup_make(name, &none, &within, &error), 0);
	pid_t pid = start_child(&within, wait_for_ever);
	CHECK_NUMBER(count_processes(&group), 1);
	CHECK_NUMBER(oci_cgroup_remove(&group, &error), -EBUSY);
	CHECK_NUMBER(oci_cgroup_kill(&group, SIGKILL, &error), 0);
	CHECK_NUMBER(how_it_ended(pid), SIGKILL);
	CHECK_NUMBER(oci_cgroup_remove(&group, &error), 0);
	CHECK_NUMBER(count_directories(path), 0);
	oci_cgroup_close(&within);
	oci_cgroup_close(&group);
}

/* Forks without end are held by the limit, and end at once. */
static void fork_on(void)
{
	for (unsigned i = 0; i < 2000; i++)
		if (!fork() && i > 3)
			wait_for_ever();
	wait_for_ever();
}

static void test_limits(void)
{
	struct oci_resources resources = {.tree = NULL};
	struct oci_cgroup group;
	struct oci_cgroup_statistics statistics;
	struct error error = {0};
	CHECK_NUMBER(oci_resources_set(&resources, OCI_PIDS_LIMIT, 20, &error), 0);
	CHECK_NUMBER(oci_resources_set(&resources, OCI_MEMORY_LIMIT, 64 << 20, &error), 0);
	CHECK_NUMBER(oci_resources_set(&resources, OCI_CPU_QUOTA, 50000, &error), 0);
	int result = oci_cgroup_make(path, &resources, &group, &error);
	if (result == -ENOTSUP) {
		fprintf(stderr, "limits are left out: %s\n", error.text);
		CHECK_NUMBER(count_directories(path), 0);
		return;
	}
	CHECK_NUMBER(result, 0);
	pid_t pid = start_child(&group, fork_on);
	for (unsigned i = 0; i < 2000 && count_processes(&group) < 20; i++)
		usleep(1000);
	CHECK_NUMBER(oci_cgroup_statistics(&group, &statistics, &error), 0);
	CHECK_NUMBER(statistics.processes, 20);
	CHECK_NUMBER(statistics.processes_limit, 20);
	CHECK_NUMBER(statistics.memory_limit, 64 << 20);
	/* Up, and down again. */
	for (unsigned i = 0; i < 2; i++) {
		const int64_t limit = i ? 32 << 20 : 256 << 20;
		resources = (struct oci_resources){.tree = NULL};
		oci_resources_set(&resources, OCI_MEMORY_LIMIT, limit, &error);
		oci_resources_set(&resources, OCI_MEMORY_SWAP, limit, &error);
		oci_resources_set(&resources, OCI_CPU_QUOTA, i ? 20000 : 300000, &error);
		oci_resources_set(&resources, OCI_CPU_PERIOD, i ? 20000 : 100000, &error);
		CHECK_NUMBER(oci_cgroup_update(&group, &resources, &error), 0);
		CHECK_TEXT(error.text, "");
		CHECK_NUMBER(oci_cgroup_statistics(&group, &statistics, &error), 0);
		CHECK_NUMBER(statistics.memory_limit, limit);
	}
	CHECK_NUMBER(oci_cgroup_kill(&group, SIGKILL, &error), 0);
	CHECK_NUMBER(how_it_ended(pid), SIGKILL);
	CHECK_NUMBER(oci_cgroup_remove(&group, &error), 0);
	oci_cgroup_close(&group);
}

/* As systemd's driver makes it: by systemd, where it rules. */
static void test_scope(void)
{
	struct oci_resources resources = {.tree = NULL};
	struct oci_cgroup group, again;
	struct oci_cgroup_statistics statistics;
	struct error error = {0};
	char name[64], scope[PATH_MAX];
	snprintf(name, sizeof(name), "mayflytest-%d.slice:test:c1", getpid());
	CHECK_NUMBER(oci_cgroup_path(name, true, "c1", scope, &error), 0);
	CHECK_NUMBER(oci_resources_set(&resources, OCI_PIDS_LIMIT, 20, &error), 0);
	pid_t pid = fork();
	if (!pid)
		wait_for_ever();
	int result = oci_cgroup_make_scope(scope, pid, &resources, &group, &error);
	if (result == -ENOTSUP) {
		fprintf(stderr, "scopes are left out: %s\n", error.text);
		CHECK(!kill(pid, SIGKILL) && how_it_ended(pid) == SIGKILL);
		return;
	}
	CHECK_NUMBER(result, 0);
	CHECK_NUMBER(count_processes(&group), 1);
	CHECK_NUMBER(count_directories(scope), group.hierarchy_count);
	CHECK_NUMBER(oci_cgroup_make_scope(scope, pid, &resources, &again, &error), -EBUSY);
	for (int64_t limit = 20; limit <= 40; limit += 20) {
		CHECK_NUMBER(oci_resources_set(&resources, OCI_PIDS_LIMIT, limit, &error), 0);
		CHECK_NUMBER(oci_cgroup_update(&group, &resources, &error), 0);
		CHECK_NUMBER(oci_cgroup_statistics(&group, &statistics, &error), 0);
		CHECK_NUMBER(statistics.processes_limit, limit);
	}
	CHECK_NUMBER(oci_cgroup_kill(&group, SIGKILL, &error), 0);
	CHECK_NUMBER(how_it_ended(pid), SIGKILL);
	CHECK_NUMBER(oci_cgroup_remove(&group, &error), 0);
	CHECK_NUMBER(count_directories(scope), 0);
	oci_cgroup_close(&group);
	/* The slices around it, which stay, and which systemd removes by itself. */
	for (char *end; (end = strrchr(scope, '/')) != scope;) {
		*end = 0;
		CHECK_NUMBER(oci_cgroup_open(scope, &group, &error), 0);
		CHECK_NUMBER(oci_cgroup_remove(&group, &error), 0);
		oci_cgroup_close(&group);
	}
}

/* What cannot be made leaves nothing, and what was there stays. */
static void test_failures(void)
{
	const struct oci_resources none = {.tree = NULL};
	struct oci_resources wrong = {.cpus = "9999"};
	struct oci_cgroup group, above;
	struct error error = {0};
	char name[PATH_MAX + 16];
	CHECK_NUMBER(oci_cgroup_make(path, &none, &above, &error), 0);
	snprintf(name, sizeof(name), "%s/a/b", path);
	CHECK(oci_cgroup_make(name, &wrong, &group, &error) < 0);
	CHECK(strstr(error.text, "linux.resources.cpu.cpus: "));
	CHECK(!group.hierarchies);
	CHECK_NUMBER(count_directories(name), 0);
	snprintf(name, sizeof(name), "%s/a", path);
	CHECK_NUMBER(count_directories(name), 0);
	CHECK_NUMBER(count_directories(path), above.hierarchy_count);
	CHECK_NUMBER(oci_cgroup_remove(&above, &error), 0);
	oci_cgroup_close(&above);
}

static bool has_rights(void)
{
	const struct oci_resources none = {.tree = NULL};
	struct oci_cgroup group;
	struct error error = {0};
	snprintf(parent, sizeof(parent), "/mayfly-test-%d", getpid());
	snprintf(path, sizeof(path), "%.64s/c1", parent);
	if (oci_cgroup_make(path, &none, &group, &error)) {
		fprintf(stderr, "real groups are left out: %s\n", error.text);
		return false;
	}
	CHECK_NUMBER(oci_cgroup_remove(&group, &error), 0);
	oci_cgroup_close(&group);
	return true;
}

int main(void)
{
	const struct oci_resources none = {.tree = NULL};
	struct oci_cgroup group;
	struct error error = {0};
	if (!has_rights())
		return check_status();
	test_life(&none);
	test_freezing();
	test_within();
	test_limits();
	test_scope();
	test_failures();
	CHECK_NUMBER(oci_cgroup_open(parent, &group, &error), 0);
	CHECK_NUMBER(oci_cgroup_remove(&group, &error), 0);
	CHECK_NUMBER(count_directories(parent), 0);
	oci_cgroup_close(&group);
	return check_status();
}
