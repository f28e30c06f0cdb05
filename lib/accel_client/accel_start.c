/* Reaching the accelerator host, and starting it on demand; see accel_start.h. */
#include "accel_client/accel_start.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/clock.h"
#include "util/file.h"
#include "util/paths.h"

#define RETRY_PAUSE_NS (20 * 1000000L)

/* A host that many clients connect to at once has a full queue for a moment, one that hangs for
 * longer: the socket must not block, or connect(2) would wait without an end. */
static int connect_socket(int fd, const struct sockaddr_un *address, uint64_t deadline_ns)
{
	while (connect(fd, (const struct sockaddr *)address, sizeof(*address))) {
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return -errno;
		if (clock_now_ns() >= deadline_ns)
			return -ETIMEDOUT;
		nanosleep(&(struct timespec){.tv_nsec = RETRY_PAUSE_NS}, NULL);
	}
	return 0;
}

int accel_connect(const char *path, uint64_t deadline_ns, int *socket_fd, struct error *error)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof(address.sun_path))
		return error_set(error, ENAMETOOLONG,
				 "socket path too long, set XDG_RUNTIME_DIR to a shorter one: %s",
				 path);
	memcpy(address.sun_path, path, strlen(path));
	cleanup_close int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return error_set_errno(error, errno, "cannot make a socket");
	int result = connect_socket(fd, &address, deadline_ns);
	if (result)
		return error_set_errno(error, -result,
				       "cannot connect to the accelerator host at %s", path);
	if (fcntl(fd, F_SETFL, 0))
		return error_set_errno(error, errno, "cannot have the socket block");
	*socket_fd = take_fd(&fd);
	return 0;
}

/* Its standard error is a pipe to us; it keeps no other descriptor of ours, and starts with no
 * signal blocked or ignored, whatever the calling thread has. */
static int spawn_host(const char *path, int error_pipe, pid_t *pid)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	int result = posix_spawn_file_actions_init(&actions);
	if (result)
		return result;
	result = posix_spawnattr_init(&attributes);
	if (result) {
		posix_spawn_file_actions_destroy(&actions);
		return result;
	}
	sigset_t none, all;
	sigemptyset(&none);
	sigfillset(&all);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &all);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	if (!(result = posix_spawn_file_actions_adddup2(&actions, error_pipe, 2)) &&
	    !(result = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)) &&
	    !(result = posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)) &&
	    !(result = posix_spawn_file_actions_addclosefrom_np(&actions, 3))) {
		char name[] = "mayfly-acceld";
		char *arguments[] = {name, NULL};
		result = posix_spawn(pid, path, &actions, &attributes, arguments, environ);
	}
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	return result;
}

/* False where it had not by the deadline, or where that cannot be waited for. */
static bool child_ends(pid_t pid, uint64_t deadline_ns)
{
	cleanup_close int child = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd ended = {.fd = child, .events = POLLIN};
	int ready;
	do {
		struct timespec left = clock_left_until(deadline_ns);
		ready = child < 0 ? 0 : ppoll(&ended, 1, &left, NULL);
	} while (ready < 0 && errno == EINTR);
	return ready > 0;
}

/* Waits for the child's end; past the deadline it is killed. Returns its wait status, or -1. */
static int wait_for_child(pid_t pid, uint64_t deadline_ns)
{
	bool late = !child_ends(pid, deadline_ns);
	if (late)
		kill(pid, SIGKILL);
	int status;
	pid_t waited;
	do
		waited = waitpid(pid, &status, 0);
	while (waited < 0 && errno == EINTR);
	return late || waited < 0 ? -1 : status;
}

int accel_start(uint64_t deadline_ns, struct error *error)
{
	char path[PATH_MAX];
	int result = paths_part(path, sizeof(path), "acceld/mayfly-acceld", error);
	if (result)
		return result;
	int pipe_ends[2];
	if (pipe2(pipe_ends, O_CLOEXEC))
		return error_set_errno(error, errno, "cannot make a pipe");
	cleanup_close int reader = pipe_ends[0];
	cleanup_close int writer = pipe_ends[1];
	pid_t pid;
	result = spawn_host(path, writer, &pid);
	if (result)
		return error_set_errno(error, result, "cannot start %s", path);
	int status = wait_for_child(pid, deadline_ns);
	if (status == -1)
		return error_set(error, ETIMEDOUT, "%s did not start in time", path);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	/* It has ended and its one line fits a pipe; the detached host does not hold the pipe, but
	 * do not depend on that. */
	char said[512];
	fcntl(reader, F_SETFL, O_NONBLOCK);
	ssize_t length = read(reader, said, sizeof(said) - 1);
	said[length > 0 ? length : 0] = 0;
	said[strcspn(said, "\n")] = 0;
	if (!*said && WIFSIGNALED(status))
		return error_set(error, EIO, "%s was killed by signal %d (%s)", path,
				 WTERMSIG(status), strsignal(WTERMSIG(status)));
	return error_set(error, EIO, "%s failed: %s", path, *said ? said : "it said nothing");
}
