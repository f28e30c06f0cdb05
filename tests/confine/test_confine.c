/* Giving up rights, each measure seen from inside: what it forbids fails, what it permits works,
 * and what a machine lacks is reported and left out. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "confine/confine.h"
#include "confine/sanitizers.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"

/* Runs `body` in a child and returns its wait status: its checks count by its exit status. */
static int in_child(void (*body)(void))
{
	int status = -1;
	fflush(stderr);
	pid_t pid = fork();
	if (!pid) {
		unsigned failed = checks_failed;
		body();
		_exit(checks_failed == failed ? 0 : 1);
	}
	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
	return status;
}

#define CHECK_CHILD(body)	CHECK_NUMBER(in_child(body), 0)
#define CHECK_KILLED(body, sig) CHECK_NUMBER(in_child(body) & 0x7f, (sig))

/* ── system calls ────────────────────────────────────────────────────────────────────────────── */

static const struct confine_call few_calls[] = {
    CONFINE_CALL(exit_group, ""),
    CONFINE_CALL(write, ""),
    CONFINE_CALL_WHERE(dup, 1, UINT32_MAX, 1, ""),
    CONFINE_CALL_WHERE(dup, 1, UINT32_MAX, 2, ""),
    CONFINE_IOCTL(0x5401, ""),
    {.name = "clone3", .number = SYS_clone3, .absent = true},
};

static void filter(enum confine_refusal refusal)
{
	const struct confine_policy policy = {
	    .calls = few_calls,
	    .call_count = ARRAY_SIZE(few_calls),
	    .refusal = refusal,
	};
	struct confine_report report = {0};
	confine_self(&policy, &report);
	CHECK_NUMBER(report.answers[CONFINE_SYSTEM_CALLS].state, CONFINE_IN_FORCE);
	CHECK_NUMBER(report.answers[CONFINE_NO_NEW_PRIVILEGES].state, CONFINE_IN_FORCE);
	CHECK_NUMBER(report.answers[CONFINE_CAPABILITIES].state, CONFINE_IN_FORCE);
}

static void allowed_calls_work(void)
{
	filter(CONFINE_KILL);
	CHECK_NUMBER(syscall(SYS_write, 1, "", 0), 0);
	CHECK(dup(1) >= 0 && dup(2) >= 0);
	CHECK(syscall(SYS_ioctl, -1, 0x5401, 0) == -1 && errno == EBADF);
	/* The kernel looks at 32 bits of it. */
	CHECK(syscall(SYS_ioctl, -1, 0x100005401, 0) == -1 && errno == EBADF);
	CHECK(syscall(SYS_clone3, NULL, 0) == -1 && errno == ENOSYS);
}

static void an_unlisted_call_kills(void)
{
	filter(CONFINE_KILL);
	syscall(SYS_getpid);
}

static void an_unlisted_argument_kills(void)
{
	filter(CONFINE_KILL);
	dup(0);
}

static void an_unlisted_request_kills(void)
{
	filter(CONFINE_KILL);
	syscall(SYS_ioctl, -1, 0x5402, 0);
}

/* Calls of the x32 interface have the same numbers with bit 30 set. */
static void other_interfaces_kill(void)
{
	filter(CONFINE_KILL);
	syscall(SYS_write | 1 << 30, 1, "", 0);
}

static void unlisted_calls_are_refused(void)
{
	filter(CONFINE_REFUSE);
	CHECK(syscall(SYS_getppid) == -1 && errno == EPERM);
	CHECK(dup(0) == -1 && errno == EPERM);
	CHECK(dup(1) >= 0);
}

/* ── files ───────────────────────────────────────────────────────────────────────────────────── */

static char directory[] = "/tmp/mayfly-confine-XXXXXX";

static void in_directory(char *path, size_t size, const char *name)
{
	snprintf(path, size, "%s/%s", directory, name);
}

static void touch(const char *name)
{
	char path[128];
	in_directory(path, sizeof(path), name);
	int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0700);
	CHECK(fd >= 0);
	close(fd);
}

static int try_open(const char *name, int flags)
{
	char path[128];
	in_directory(path, sizeof(path), name);
	int fd = open(path, flags | O_CLOEXEC, 0600);
	int code = fd < 0 ? errno : 0;
	if (fd >= 0)
		close(fd);
	return code;
}

static void landlock_holds(void)
{
	char in[128], out[128], nothing[128];
	in_directory(in, sizeof(in), "in");
	in_directory(out, sizeof(out), "out");
	in_directory(nothing, sizeof(nothing), "nothing");
	const struct confine_path paths[] = {
	    {.path = in, .access = CONFINE_READ},
	    {.path = out, .access = CONFINE_READ | CONFINE_WRITE},
	    {.path = nothing, .access = CONFINE_READ},
	};
	struct error error = {0};
	int early = open(directory, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	CHECK(!prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	int version = confine_landlock(paths, 3, 0, &error);
	if (!CHECK(version > 0))
		return;
	CHECK_NUMBER(try_open("in/file", O_RDONLY), 0);
	CHECK_NUMBER(try_open("in/file", O_WRONLY), EACCES);
	CHECK_NUMBER(try_open("in/new", O_WRONLY | O_CREAT), EACCES);
	CHECK_NUMBER(try_open("out/file", O_RDWR), 0);
	CHECK_NUMBER(try_open("out/new", O_WRONLY | O_CREAT), 0);
	CHECK_NUMBER(try_open("file", O_RDONLY), EACCES);
	CHECK_NUMBER(openat(early, "file", O_RDONLY | O_CLOEXEC) < 0 ? errno : 0, EACCES);
	char *const arguments[] = {in, NULL};
	in_directory(in, sizeof(in), "in/file");
	CHECK(execv(in, arguments) && errno == EACCES);
	if (version < 4)
		return;
	cleanup_close int tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const struct sockaddr_in address = {.sin_family = AF_INET,
					    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	CHECK(tcp < 0 || (bind(tcp, (const void *)&address, sizeof(address)) && errno == EACCES));
}

static void check_landlock(void)
{
	if (confine_landlock_version() < 0) {
		fprintf(stderr, "this kernel has no Landlock\n");
		return;
	}
	char path[128];
	if (!CHECK(mkdtemp(directory) != NULL))
		return;
	in_directory(path, sizeof(path), "in");
	CHECK(!mkdir(path, 0700));
	in_directory(path, sizeof(path), "out");
	CHECK(!mkdir(path, 0700));
	touch("file");
	touch("in/file");
	touch("out/file");
	CHECK_CHILD(landlock_holds);
	static const char *const left[] = {"in/file", "in",   "out/file", "out/new",
					   "out",     "file", ""};
	for (size_t i = 0; i < ARRAY_SIZE(left); i++) {
		in_directory(path, sizeof(path), left[i]);
		CHECK(!remove(path));
	}
}

/* ── privileges ──────────────────────────────────────────────────────────────────────────────── */

static void privileges_are_gone(void)
{
	const struct confine_limit limits[] = {{RLIMIT_CORE, 0}, {RLIMIT_NOFILE, 20}};
	static const struct confine_call calls[] = {
	    CONFINE_CALL(capget, ""),	  CONFINE_CALL(prctl, ""), CONFINE_CALL(prlimit64, ""),
	    CONFINE_CALL(exit_group, ""), CONFINE_CALL(write, ""),
	};
	const struct confine_policy policy = {
	    .limits = limits, .limit_count = 2, .calls = calls, .call_count = 5};
	struct confine_report report = {0};
	confine_self(&policy, &report);
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct sets[2] = {{1, 1, 1}, {1, 1, 1}}, none[2] = {{0}};
	CHECK(!syscall(SYS_capget, &header, sets) && !memcmp(sets, none, sizeof(sets)));
	CHECK_NUMBER(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 1);
	struct rlimit limit;
	CHECK(!getrlimit(RLIMIT_NOFILE, &limit) && limit.rlim_cur == 20 && limit.rlim_max == 20);
	CHECK_NUMBER(report.answers[CONFINE_LIMITS].state, CONFINE_IN_FORCE);
}

/* ── namespaces ──────────────────────────────────────────────────────────────────────────────── */

static void note_early(void *context)
{
	*(int *)context = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
}

static bool in_force(const struct confine_report *report, enum confine_measure measure)
{
	return report->answers[measure].state == CONFINE_IN_FORCE;
}

/* What is in force must be true; what is missing must have a reason. */
static void check_namespaces(void)
{
	struct confine_report report;
	int early = -1, status = -1;
	pid_t pid = confine_fork(NULL, note_early, &early, &report);
	if (pid) {
		CHECK(pid > 0 && waitpid(pid, &status, 0) == pid && !status);
		return;
	}
	unsigned failed = checks_failed;
	CHECK(early >= 0);
	for (int i = CONFINE_USER_NAMESPACE; i <= CONFINE_EMPTY_ROOT; i++) {
		const struct confine_answer *answer = &report.answers[i];
		CHECK(answer->state == CONFINE_IN_FORCE ||
		      (answer->state == CONFINE_MISSING && *answer->why));
		fprintf(stderr, "  %-18s %s\n", confine_measure_name((enum confine_measure)i),
			answer->state == CONFINE_IN_FORCE ? "in force" : answer->why);
	}
	if (in_force(&report, CONFINE_PID_NAMESPACE))
		CHECK_NUMBER(getpid(), 1);
	if (in_force(&report, CONFINE_EMPTY_ROOT)) {
		CHECK(open("/proc/self/status", O_RDONLY | O_CLOEXEC) < 0 && errno == ENOENT);
		CHECK(access("/etc", F_OK) && access("/..", F_OK) == 0 && access("/../etc", F_OK));
		CHECK(open("/file", O_CREAT | O_WRONLY | O_CLOEXEC, 0600) < 0);
	}
	if (in_force(&report, CONFINE_NETWORK_NAMESPACE)) {
		cleanup_close int udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		const struct sockaddr_in address = {.sin_family = AF_INET,
						    .sin_port = htons(9),
						    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
		CHECK(udp >= 0 && connect(udp, (const void *)&address, sizeof(address)) &&
		      errno == ENETUNREACH);
	}
	_exit(checks_failed == failed ? 0 : 1);
}

static void in_a_chroot(void)
{
	if (chroot("/usr"))
		return; /* an ordinary user may not */
	CHECK(!chdir("/"));
	int status = -1;
	struct confine_report report;
	pid_t pid = confine_fork(NULL, NULL, NULL, &report);
	if (!pid) {
		const struct confine_answer *root = &report.answers[CONFINE_EMPTY_ROOT];
		_exit(root->state == CONFINE_IN_FORCE || *root->why ? 0 : 1);
	}
	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid && !status);
}

/* As a container's filter does it. */
static void without_clone3(void)
{
	static const struct confine_call calls[] = {
	    CONFINE_CALL(clone, ""), CONFINE_CALL(set_robust_list, ""),
	    CONFINE_CALL(wait4, ""), CONFINE_CALL(exit_group, ""),
	    CONFINE_CALL(write, ""),
	};
	const struct confine_policy policy = {
	    .calls = calls, .call_count = 5, .refusal = CONFINE_REFUSE};
	struct confine_report report = {0};
	confine_self(&policy, &report);
	int status = -1;
	pid_t pid = confine_fork(NULL, NULL, NULL, &report);
	if (!pid) {
		bool good = report.answers[CONFINE_USER_NAMESPACE].state == CONFINE_MISSING &&
			    report.answers[CONFINE_EMPTY_ROOT].state == CONFINE_MISSING &&
			    *report.answers[CONFINE_EMPTY_ROOT].why;
		_exit(good ? 0 : 1);
	}
	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid && !status);
}

static void as_nobody(void)
{
	if (!geteuid())
		CHECK(!setresgid(65534, 65534, 65534) && !setresuid(65534, 65534, 65534));
	check_namespaces();
}

int main(void)
{
	if (CONFINE_SANITIZED) {
		puts("skipped: a build with sanitizers cannot be confined");
		return CHECK_SKIPPED;
	}
	CHECK_CHILD(allowed_calls_work);
	CHECK_CHILD(unlisted_calls_are_refused);
	CHECK_KILLED(an_unlisted_call_kills, SIGSYS);
	CHECK_KILLED(an_unlisted_argument_kills, SIGSYS);
	CHECK_KILLED(an_unlisted_request_kills, SIGSYS);
	CHECK_KILLED(other_interfaces_kill, SIGSYS);
	check_landlock();
	CHECK_CHILD(privileges_are_gone);
	check_namespaces();
	CHECK_CHILD(in_a_chroot);
	CHECK_CHILD(without_clone3);
	CHECK_CHILD(as_nobody);
	return check_status();
}
