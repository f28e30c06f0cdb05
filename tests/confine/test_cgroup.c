/* A real control group: a child in it is held, and nothing is left behind. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "confine/confine.h"
#include "util/cleanup.h"
#include "util/file.h"

#define MEMORY	  (16UL << 20)
#define PROCESSES 4

static const struct confine_cgroup_limits limits = {.memory = MEMORY, .processes = PROCESSES};

/* Runs `body` in a child in the group; how it ended. */
static int in_group(struct confine_cgroup *group, int (*body)(void))
{
	int status = -1;
	struct confine_report report;
	pid_t pid = confine_fork(group, NULL, NULL, &report);
	if (!pid) {
		bool in = report.answers[CONFINE_CGROUP_LIMITS].state == CONFINE_IN_FORCE;
		_exit(in && group->group < 0 ? body() : 100);
	}
	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
	return status;
}

static int write_memory(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return 1;
	memset(memory, 1, size);
	return 0;
}

static int use_little(void)
{
	return write_memory(MEMORY / 4);
}

static int use_much(void)
{
	return write_memory(4 * MEMORY);
}

/* How many processes there may be at a time, this one among them. They end with it. */
static int count_processes(void)
{
	int count = 1;
	for (; count < 10 * PROCESSES; count++) {
		pid_t pid = fork();
		if (pid < 0)
			return errno == EAGAIN ? count : 99;
		if (!pid)
			for (;;)
				pause();
	}
	return count;
}

static bool exists(const char *path)
{
	return !access(path, F_OK);
}

static void test_limits(void)
{
	struct error error = {0};
	struct confine_cgroup group;
	CHECK(!confine_cgroup_make(&group, NULL, &limits, &(pid_t){0}, &error));
	CHECK(exists(group.path));
	CHECK_NUMBER(confine_cgroup_memory(&group), CONFINE_MEMORY_ENOUGH);
	CHECK_NUMBER(in_group(&group, use_little), 0);
	CHECK_NUMBER(confine_cgroup_memory(&group), CONFINE_MEMORY_ENOUGH);
	int status = in_group(&group, use_much);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	CHECK_NUMBER(confine_cgroup_memory(&group), CONFINE_MEMORY_USED_UP);
	status = in_group(&group, count_processes);
	CHECK(WIFEXITED(status));
	CHECK_NUMBER(WEXITSTATUS(status), PROCESSES);
	confine_cgroup_remove(&group);
	CHECK(!exists(group.path));
	confine_cgroup_remove(&group);
}

/* What is still in a group goes with it. */
static void test_removal(void)
{
	struct error error = {0};
	struct confine_cgroup group;
	int status = -1;
	CHECK(!confine_cgroup_make(&group, NULL, &limits, &(pid_t){0}, &error));
	pid_t pid = fork();
	if (!pid)
		for (;;)
			pause();
	CHECK_NUMBER(confine_cgroup_add(&group, pid), 0);
	confine_cgroup_remove(&group);
	CHECK(!exists(group.path));
	CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status));
}

/* Groups whose maker lives stay, those of the dead go. */
static void test_left_overs(void)
{
	struct error error = {0};
	struct confine_cgroup mine, other;
	char left[PATH_MAX];
	int status = -1;
	CHECK(!confine_cgroup_make(&mine, NULL, &limits, &(pid_t){0}, &error));
	snprintf(left, sizeof(left), "%s", mine.path);
	pid_t pid = fork();
	if (!pid)
		_exit(confine_cgroup_make(&other, NULL, &limits, &(pid_t){0}, NULL) ||
		      !exists(left));
	CHECK(waitpid(pid, &status, 0) == pid && !status);
	snprintf(left, sizeof(left), "%.*smayfly-run-%d",
		 (int)(strrchr(mine.path, '/') + 1 - mine.path), mine.path, pid);
	CHECK(exists(left));
	confine_cgroup_remove(&mine);
	CHECK(!confine_cgroup_make(&mine, NULL, &limits, &(pid_t){0}, &error));
	CHECK(!exists(left));
	confine_cgroup_remove(&mine);
}

int main(void)
{
	struct error error = {0};
	struct confine_cgroup group;
	if (confine_cgroup_make(&group, NULL, &limits, &(pid_t){0}, &error)) {
		printf("skipped: no control group can be made here: %s\n", error.text);
		CHECK_TEXT(group.missing.text, error.text);
		CHECK_NUMBER(group.group, -1);
		return checks_failed ? check_status() : CHECK_SKIPPED;
	}
	confine_cgroup_remove(&group);
	test_limits();
	test_removal();
	test_left_overs();
	return check_status();
}
