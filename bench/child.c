/* Programs as ordinary processes; see child.h. */
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/file.h"

static int start(const char *const arguments[], int input, int output, pid_t *pid)
{
	posix_spawn_file_actions_t actions;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
	int result =
	    posix_spawn(pid, arguments[0], &actions, NULL, (char *const *)arguments, environ);
	posix_spawn_file_actions_destroy(&actions);
	return result;
}

int child_run(const char *const arguments[], int input, char *answer, size_t size,
	      struct error *error)
{
	int ends[2], status;
	pid_t pid;
	if (pipe2(ends, O_CLOEXEC))
		return error_set_errno(error, errno, "cannot make a pipe");
	cleanup_close int reader = ends[0];
	cleanup_close int writer = ends[1];
	int result = start(arguments, input, writer, &pid);
	if (result)
		return error_set_errno(error, result, "cannot start %s", arguments[0]);
	/* The program holds the only writing end now: its end is the end of the answer. */
	close(take_fd(&writer));
	ssize_t got = file_read_full(reader, answer, size);
	close(take_fd(&reader));
	if (waitpid(pid, &status, 0) != pid)
		return error_set_errno(error, errno, "cannot wait for %s", arguments[0]);
	if (status || got <= 0 || (size_t)got == size)
		return error_set(error, EPROTO, "%s ended with wait status %#x after %zd bytes",
				 arguments[0], (unsigned)status, got);
	answer[got] = 0;
	return 0;
}
