/* Starting programs: which descriptors, signals, group and environment they have, and what comes of
 * waiting for them. The program is this one, which then tells by its exit status what it found. */
#include "util/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "util/cleanup.h"
#include "util/clock.h"

static const char self[] = "/proc/self/exe";

/* ── what a started program finds ────────────────────────────────────────────────────────────── */

static int count_open(void)
{
	int count = 0;
	for (int fd = 0; fd < 256; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

/* Every descriptor after the standard ones is a file that holds its own number. */
static int tell_descriptors(int count)
{
	struct stat null, status;
	if (count_open() != count || stat("/dev/null", &null))
		return 1;
	for (int fd = 3; fd < count; fd++) {
		char digit = 0;
		if (pread(fd, &digit, 1, 0) != 1 || digit != '0' + fd)
			return 2;
	}
	return fstat(1, &status) || status.st_rdev != null.st_rdev ? 3 : 0;
}

/* Bits: 1 SIGUSR1 is blocked, 2 SIGUSR2 is ignored, 4 a group of its own, 8 a session. */
static int tell_state(void)
{
	sigset_t blocked;
	struct sigaction action;
	sigprocmask(SIG_BLOCK, NULL, &blocked);
	sigaction(SIGUSR2, NULL, &action);
	return sigismember(&blocked, SIGUSR1) | (action.sa_handler == SIG_IGN) << 1 |
	       (getpgid(0) == getpid()) << 2 | (getsid(0) == getpid()) << 3;
}

static int tell(char **arguments)
{
	if (!strcmp(arguments[0], "descriptors"))
		return tell_descriptors(atoi(arguments[1]));
	if (!strcmp(arguments[0], "state"))
		return tell_state();
	if (!strcmp(arguments[0], "environment"))
		return getenv("ONLY") && !getenv("PATH") ? 0 : 1;
	if (!strcmp(arguments[0], "wait"))
		pause();
	return 99;
}

/* ── tests ───────────────────────────────────────────────────────────────────────────────────── */

/* Its exit status, or a negative errno. */
static int run(const struct spawn *spawn)
{
	struct spawn_process process;
	int status, result = spawn_start(spawn, &process);
	if (result)
		return result;
	CHECK(fcntl(process.pidfd, F_GETFD) == FD_CLOEXEC);
	result = spawn_wait(&process, UINT64_MAX, &status);
	CHECK_NUMBER(process.pid, 0);
	CHECK_NUMBER(process.pidfd, -1);
	return result ? result : WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static int run_state(enum spawn_kind kind)
{
	const char *const arguments[] = {"test", "state", NULL};
	const int descriptors[] = {0, 1, 2};
	return run(&(struct spawn){.program = self,
				   .arguments = arguments,
				   .descriptors = descriptors,
				   .descriptor_count = 3,
				   .kind = kind});
}

static void test_state(void)
{
	sigset_t blocked, before;
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR1);
	sigprocmask(SIG_BLOCK, &blocked, &before);
	signal(SIGUSR2, SIG_IGN);
	CHECK_NUMBER(run_state(SPAWN_JOB) & ~12, 3);
	CHECK_NUMBER(run_state(SPAWN_SERVER) & ~12, 0);
	CHECK_NUMBER(run_state(SPAWN_SERVER_GROUP) & ~8, 4);
	CHECK_NUMBER(run_state(SPAWN_SERVER_SESSION), 12);
	signal(SIGUSR2, SIG_DFL);
	sigprocmask(SIG_SETMASK, &before, NULL);
}

/* A file that holds the digit, as descriptor `number` or, where that is -1, any. */
static int make_file(char digit, int number)
{
	char path[] = "/tmp/mayfly-test-XXXXXX";
	int fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0 || unlink(path) || write(fd, &digit, 1) != 1)
		return -1;
	if (number < 0 || fd == number)
		return fd;
	int moved = dup3(fd, number, O_CLOEXEC);
	close(fd);
	return moved;
}

static void test_descriptors(void)
{
	const char *const arguments[] = {"test", "descriptors", "6", NULL};
	/* Each but the last is where another one belongs, and none may be overwritten too early. */
	cleanup_close int four = make_file('4', 20), five = make_file('5', 21);
	cleanup_close int three = make_file('3', 22), other = open("/", O_PATH);
	CHECK(dup3(four, 5, O_CLOEXEC) == 5 && dup3(five, 3, O_CLOEXEC) == 3 &&
	      dup3(three, 4, O_CLOEXEC) == 4);
	const int crossed[] = {SPAWN_NULL, SPAWN_NULL, 2, 4, 5, 3};
	struct spawn spawn = {.program = self,
			      .arguments = arguments,
			      .descriptors = crossed,
			      .descriptor_count = 6,
			      .kind = SPAWN_JOB};
	CHECK(other >= 0);
	CHECK_NUMBER(run(&spawn), 0);
	const int far[] = {SPAWN_NULL, SPAWN_NULL, 2, three, four, five};
	spawn.descriptors = far;
	CHECK_NUMBER(run(&spawn), 0);
	close(3);
	close(4);
	close(5);
	/* What is not open is not open there: five remain. */
	const char *const fewer[] = {"test", "descriptors", "5", NULL};
	const int missing[] = {SPAWN_NULL, SPAWN_NULL, 2, three, four, 200};
	spawn.descriptors = missing;
	spawn.arguments = fewer;
	CHECK_NUMBER(run(&spawn), 0);
	const int many[SPAWN_DESCRIPTORS_MAX + 1] = {0};
	spawn.descriptors = many;
	spawn.descriptor_count = SPAWN_DESCRIPTORS_MAX + 1;
	CHECK_NUMBER(run(&spawn), -E2BIG);
}

static void test_environment(void)
{
	const char *const arguments[] = {"test", "environment", NULL};
	const char *const environment[] = {"ONLY=this", NULL};
	CHECK_NUMBER(run(&(struct spawn){.program = self,
					 .arguments = arguments,
					 .environment = environment,
					 .descriptors = (const int[]){0, 1, 2},
					 .descriptor_count = 3}),
		     0);
}

static void test_failures(void)
{
	const char *const arguments[] = {"test", "wait", NULL};
	struct spawn spawn = {.program = "/nothing/there",
			      .arguments = arguments,
			      .descriptors = (const int[]){0, 1, 2},
			      .descriptor_count = 3};
	struct spawn_process process;
	int status;
	CHECK_NUMBER(spawn_start(&spawn, &process), -ENOENT);
	CHECK_NUMBER(process.pidfd, -1);
	CHECK_NUMBER(spawn_wait(&process, 0, &status), -ECHILD);
	spawn_kill(&process);
	spawn.program = "true"; /* PATH is for jobs */
	CHECK_NUMBER(run(&spawn), -ENOENT);
	spawn.kind = SPAWN_JOB;
	CHECK_NUMBER(run(&spawn), 0);
	spawn.program = "/tmp";
	CHECK_NUMBER(run(&spawn), -EACCES);
}

static void test_waiting(void)
{
	const char *const arguments[] = {"test", "wait", NULL};
	struct spawn spawn = {.program = self,
			      .arguments = arguments,
			      .descriptors = (const int[]){0, 1, 2},
			      .descriptor_count = 3};
	struct spawn_process process;
	int status = 0;
	if (!CHECK_NUMBER(spawn_start(&spawn, &process), 0))
		return;
	const uint64_t start = clock_now_ns(), limit = start + NANOSECONDS_PER_SECOND / 50;
	CHECK_NUMBER(spawn_wait(&process, limit, &status), -ETIMEDOUT);
	CHECK(clock_now_ns() >= limit);
	CHECK_NUMBER(spawn_wait_end(process.pidfd, 0), -ETIMEDOUT);
	CHECK_NUMBER(kill(process.pid, SIGTERM), 0);
	CHECK_NUMBER(spawn_wait(&process, UINT64_MAX, &status), 0);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	if (!CHECK_NUMBER(spawn_start(&spawn, &process), 0))
		return;
	const pid_t pid = process.pid;
	spawn_kill(&process);
	CHECK(waitpid(pid, &status, 0) == -1 && errno == ECHILD);
	CHECK_NUMBER(process.pidfd, -1);
}

int main(int count, char **arguments)
{
	if (count > 1)
		return tell(arguments + 1);
	test_state();
	test_descriptors();
	test_environment();
	test_failures();
	test_waiting();
	return check_status();
}
