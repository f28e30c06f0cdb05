/* Talking to the spawner; see spawner_client.h. */
#include "spawner_client.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/file.h"

/* Standard input and output are /dev/null: the programs inherit them. `commands` and `answers` are
 * beyond the places that they get. */
static int spawn(struct spawner *spawner, const char *const arguments[], int commands, int answers)
{
	posix_spawn_file_actions_t actions;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDWR, 0);
	posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_RDWR, 0);
	posix_spawn_file_actions_adddup2(&actions, commands, SPAWNER_COMMAND_FD);
	posix_spawn_file_actions_adddup2(&actions, answers, SPAWNER_ANSWER_FD);
	posix_spawn_file_actions_addclosefrom_np(&actions, SPAWNER_ANSWER_FD + 1);
	int result = posix_spawnp(&spawner->pid, arguments[0], &actions, NULL,
				  (char *const *)arguments, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (result)
		spawner->pid = 0;
	return result;
}

/* A pipe of which the spawner gets the end `theirs` (0 reads, 1 writes). */
static int open_pipe(int theirs, int *spawner_end, int *own_end, struct error *error)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC))
		return error_set_errno(error, errno, "cannot make a pipe");
	*own_end = ends[!theirs];
	*spawner_end = fcntl(ends[theirs], F_DUPFD_CLOEXEC, SPAWNER_ANSWER_FD + 1);
	int result = *spawner_end < 0 ? error_set_errno(error, errno, "cannot move a pipe") : 0;
	close(ends[theirs]);
	return result;
}

int spawner_start(struct spawner *spawner, const char *const arguments[], struct error *error)
{
	cleanup_close int commands = -1;
	cleanup_close int answers = -1;
	*spawner = SPAWNER_NONE;
	int result = open_pipe(0, &commands, &spawner->commands, error);
	if (!result)
		result = open_pipe(1, &answers, &spawner->answers, error);
	if (result)
		return result;
	result = spawn(spawner, arguments, commands, answers);
	return result ? error_set_errno(error, result, "cannot start %s", arguments[0]) : 0;
}

int spawner_measure(struct spawner *spawner, enum spawner_method method, double *ns,
		    struct error *error)
{
	uint8_t command = (uint8_t)method;
	struct spawner_answer answer;
	int result = file_write_all(spawner->commands, &command, 1);
	if (result)
		return error_set_errno(error, -result, "cannot command the spawner");
	ssize_t got = file_read_full(spawner->answers, &answer, sizeof(answer));
	if (got != sizeof(answer))
		return error_set(error, EPIPE, "the spawner went away");
	if (answer.error)
		return error_set_errno(error, answer.error, "cannot start a process");
	if (answer.status)
		return error_set(error, EPROTO, "the process ended with wait status %#x",
				 (unsigned)answer.status);
	*ns = (double)answer.ns;
	return 0;
}

void spawner_stop(struct spawner *spawner)
{
	/* The end of its commands ends it. */
	if (spawner->commands >= 0)
		close(spawner->commands);
	if (spawner->answers >= 0)
		close(spawner->answers);
	if (spawner->pid)
		waitpid(spawner->pid, NULL, 0);
	*spawner = SPAWNER_NONE;
}
