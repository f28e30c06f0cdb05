/* Starting the accelerator host in the background; see launch.h.
 *
 * The two processes are joined by a pipe. The host writes one byte when it serves, or a sentence
 * when it cannot; if it dies before, the pipe just ends. So are a host's supervisor and its worker.
 */
#include "launch.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/file.h"

/* A log that has grown beyond this begins anew. */
#define LOG_SIZE_MAX (1 << 20)

#define ARGUMENTS_MAX 32

static const char ready_word[] = "\n";

void launch_trim_log(int log)
{
	struct stat status;
	if (!fstat(log, &status) && S_ISREG(status.st_mode) && status.st_size > LOG_SIZE_MAX &&
	    ftruncate(log, 0))
		return; /* it can say so nowhere */
}

static int open_log(const char *path, struct error *error)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return error_set_errno(error, errno, "cannot open the log file %s", path);
	struct stat status;
	if (!fstat(fd, &status) && status.st_size > LOG_SIZE_MAX && ftruncate(fd, 0)) {
		int code = errno;
		close(fd);
		return error_set_errno(error, code, "cannot begin the log file %s anew", path);
	}
	return fd;
}

/* The host's number for the pipe's end; its standard streams are 0 to 2. */
#define READY_FD 3

static int spawn_host(char *const arguments[], int log, int ready)
{
	char foreground[] = "--foreground", name[] = "mayfly-acceld", ready_option[32];
	snprintf(ready_option, sizeof(ready_option), "--ready-fd=%d", READY_FD);
	char *all[ARGUMENTS_MAX + 4] = {name, foreground, ready_option};
	for (size_t i = 0; arguments[i]; i++) {
		if (i == ARGUMENTS_MAX)
			return E2BIG;
		all[3 + i] = arguments[i];
	}
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
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
	pid_t pid;
	/* The log before the pipe: its number here may well be READY_FD. */
	if (!(result = posix_spawn_file_actions_adddup2(&actions, log, 1)) &&
	    !(result = posix_spawn_file_actions_adddup2(&actions, log, 2)) &&
	    !(result = posix_spawn_file_actions_adddup2(&actions, ready, READY_FD)) &&
	    !(result = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)) &&
	    !(result = posix_spawn_file_actions_addclosefrom_np(&actions, READY_FD + 1)))
		result = posix_spawn(&pid, "/proc/self/exe", &actions, &attributes, all, environ);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	return result;
}

int launch_detached(char *const arguments[], const char *log_path, struct error *error)
{
	cleanup_close int log = open_log(log_path, error);
	if (log < 0)
		return log;
	int pipe_ends[2];
	if (pipe2(pipe_ends, O_CLOEXEC))
		return error_set_errno(error, errno, "cannot make a pipe");
	cleanup_close int reader = pipe_ends[0];
	cleanup_close int writer = pipe_ends[1];
	int result = spawn_host(arguments, log, writer);
	if (result)
		return error_set_errno(error, result, "cannot start in the background");
	close(take_fd(&writer));
	char said[ERROR_TEXT_MAX];
	ssize_t length = file_read_full(reader, said, sizeof(said) - 1);
	if (length <= 0)
		return error_set(error, EIO, "ended while starting; see %s", log_path);
	said[length] = 0;
	return launch_said_ready(said) ? 0 : error_set(error, EIO, "%s", said);
}

void launch_report(int ready_fd, const struct error *failure)
{
	if (ready_fd < 0)
		return;
	const char *word = failure ? failure->text : ready_word;
	/* If the launcher has been killed, there is nobody to tell. */
	(void)file_write_all(ready_fd, word, strlen(word));
	close(ready_fd);
}

bool launch_said_ready(const char *said)
{
	return !strcmp(said, ready_word);
}
