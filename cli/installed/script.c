/* Programs that are parts of Mayfly; see script.h. */
#include "cli/installed/script.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/paths.h"
#include "util/spawn.h"

/* Whoever ends this process means the child, which has something to put in order: it is told, and is
 * waited for. A signal that comes when the child has ended changes nothing of what it did: it is taken
 * away, and the child's status stands. */
static int wait_and_pass_on(struct spawn_process *child, int signals, int *status)
{
	struct pollfd either[] = {{.fd = child->pidfd, .events = POLLIN},
				  {.fd = signals, .events = POLLIN}};
	struct signalfd_siginfo signal;
	while (!either[0].revents) {
		if (poll(either, 2, -1) < 0 && errno != EINTR)
			break;
		while (read(signals, &signal, sizeof(signal)) == sizeof(signal))
			spawn_signal(child, (int)signal.ssi_signo);
	}
	return spawn_wait(child, UINT64_MAX, status);
}

/* Signals are blocked while the child runs, in all threads that there are: this one. A child that
 * `unblocks` them itself begins with them blocked too: an interpreter that is still starting would die of
 * them with a traceback. */
static int start_and_wait(struct spawn *spawn, bool unblocks, int *status)
{
	struct spawn_process child;
	sigset_t ending, before;
	sigemptyset(&ending);
	sigaddset(&ending, SIGINT);
	sigaddset(&ending, SIGTERM);
	sigaddset(&ending, SIGHUP);
	cleanup_close int signals = signalfd(-1, &ending, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signals < 0)
		return -errno;
	pthread_sigmask(SIG_BLOCK, &ending, &before);
	spawn->blocked = unblocks ? NULL : &before;
	int result = spawn_start(spawn, &child);
	if (!result)
		result = wait_and_pass_on(&child, signals, status);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	spawn->blocked = NULL;
	return result;
}

/* `words` ends with NULL. */
static int run(const char *const *words, const char *part, bool unblocks, const char *advice,
	       struct error *error)
{
	const int streams[] = {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO};
	struct spawn spawn = {.program = words[0],
			      .arguments = words,
			      .descriptors = streams,
			      .descriptor_count = 3,
			      .kind = SPAWN_JOB};
	int status = 0;
	int result = start_and_wait(&spawn, unblocks, &status);
	if (result)
		return error_set_errno(error, -result, "cannot run %s%s", part, advice);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int run_part(const char *interpreter, const char *part, const char *const *arguments,
		    const char *advice, struct error *error)
{
	char path[PATH_MAX];
	int result = paths_part(path, sizeof(path), part, error);
	if (result)
		return result;
	size_t count = 0, used = 0;
	while (arguments[count])
		count++;
	cleanup_free const char **words = calloc(count + 3, sizeof(*words));
	if (!words)
		return error_set(error, ENOMEM, "no memory for arguments");
	if (interpreter)
		words[used++] = interpreter;
	words[used++] = path;
	for (size_t i = 0; i < count; i++)
		words[used++] = arguments[i];
	return run(words, part, interpreter != NULL, advice, error);
}

int script_run(const char *part, const char *const *arguments, struct error *error)
{
	return run_part("python3", part, arguments, " by python3: install that", error);
}

int program_run(const char *part, const char *const *arguments, struct error *error)
{
	return run_part(NULL, part, arguments, "", error);
}
