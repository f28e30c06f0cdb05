/* Reaching the accelerator host, and starting it on demand; see accel_start.h. */
#include "accel_client/accel_start.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "accel_link/unix_connect.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/file.h"
#include "util/paths.h"
#include "util/spawn.h"

bool accel_host_is_missing(int result)
{
	return result == -ENOENT || result == -ECONNREFUSED || result == -ECONNRESET;
}

void accel_start_pause(void)
{
	nanosleep(&(struct timespec){.tv_nsec = ACCEL_RETRY_PAUSE_NS}, NULL);
}

/* Whoever listens there reads what guests send and writes into their windows, so it must be root or
 * this user. */
static int check_listener(int fd, const char *path, struct error *error)
{
	struct ucred peer;
	socklen_t length = sizeof(peer);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length))
		return error_set_errno(error, errno, "cannot find out which process listens at %s",
				       path);
	if (peer.uid != geteuid() && peer.uid != 0)
		return error_set(error, EPERM,
				 "the process that listens at %s belongs to user %u, and not to "
				 "you: remove the socket, or "
				 "set XDG_RUNTIME_DIR to another place",
				 path, peer.uid);
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
	cleanup_close int fd = -1;
	int result = unix_connect(&address, sizeof(address), SOCK_SEQPACKET, deadline_ns, &fd);
	if (result)
		return error_set_errno(error, -result,
				       "cannot connect to the accelerator host at %s", path);
	result = check_listener(fd, path, error);
	if (result)
		return result;
	*socket_fd = take_fd(&fd);
	return 0;
}

/* Its standard error is a pipe to us. */
static int spawn_host(const char *path, int error_pipe, struct spawn_process *host)
{
	const char *const arguments[] = {"mayfly-acceld", NULL};
	const int descriptors[] = {SPAWN_NULL, SPAWN_NULL, error_pipe};
	return spawn_start(&(struct spawn){.program = path,
					   .arguments = arguments,
					   .descriptors = descriptors,
					   .descriptor_count = 3,
					   .kind = SPAWN_SERVER},
			   host);
}

int accel_start_begin(struct accel_start *start, struct error *error)
{
	char path[PATH_MAX];
	*start = ACCEL_START_NONE;
	int result = paths_part(path, sizeof(path), ACCELD_PART, error);
	if (result)
		return result;
	int pipe_ends[2];
	if (pipe2(pipe_ends, O_CLOEXEC | O_NONBLOCK))
		return error_set_errno(error, errno, "cannot make a pipe");
	cleanup_close int reader = pipe_ends[0];
	cleanup_close int writer = pipe_ends[1];
	result = spawn_host(path, writer, &start->host);
	if (result)
		return error_set_errno(error, -result, "cannot start %s", path);
	start->reader = take_fd(&reader);
	return 0;
}

/* It has ended, so its one line is in the pipe. The detached host should not hold the other end,
 * but the read must not wait for it if it does. */
static int explain_failure(const struct accel_start *start, int status, struct error *error)
{
	char said[512];
	ssize_t length = read(start->reader, said, sizeof(said) - 1);
	said[length > 0 ? length : 0] = 0;
	said[strcspn(said, "\n")] = 0;
	if (!*said && WIFSIGNALED(status))
		return error_set(error, EIO, "mayfly-acceld was killed by signal %d (%s)",
				 WTERMSIG(status), strsignal(WTERMSIG(status)));
	return error_set(error, EIO, "mayfly-acceld failed: %s", *said ? said : "it said nothing");
}

int accel_start_look(struct accel_start *start, uint64_t deadline_ns, struct error *error)
{
	int status;
	int result = spawn_wait(&start->host, 0, &status);
	if (result == -ETIMEDOUT && clock_now_ns() < deadline_ns)
		return -EINPROGRESS;
	if (result)
		result = error_set(error, ETIMEDOUT, "mayfly-acceld did not start in time");
	else if (!WIFEXITED(status) || WEXITSTATUS(status))
		result = explain_failure(start, status, error);
	accel_start_end(start);
	return result;
}

void accel_start_end(struct accel_start *start)
{
	spawn_kill(&start->host);
	if (start->reader >= 0)
		close(start->reader);
	*start = ACCEL_START_NONE;
}
