/* Talking to the spawner; see spawner_client.h. */
#include "spawner_client.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/file.h"

/* Standard input and output are /dev/null: the programs inherit them. */
static int spawn(struct spawner *spawner, const char *const arguments[], int commands, int answers)
{
	const int descriptors[] = {
	    SPAWN_NULL, SPAWN_NULL,
	    STDERR_FILENO, [SPAWNER_COMMAND_FD] = commands, [SPAWNER_ANSWER_FD] = answers};
	return spawn_start(&(struct spawn){.program = arguments[0],
					   .arguments = arguments,
					   .descriptors = descriptors,
					   .descriptor_count = SPAWNER_ANSWER_FD + 1,
					   .kind = SPAWN_JOB},
			   &spawner->process);
}

/* A pipe of which the spawner gets the end `theirs` (0 reads, 1 writes). */
static int open_pipe(int theirs, int *spawner_end, int *own_end, struct error *error)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC))
		return error_set_errno(error, errno, "cannot make a pipe");
	*own_end = ends[!theirs];
	*spawner_end = ends[theirs];
	return 0;
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
	return result ? error_set_errno(error, -result, "cannot start %s", arguments[0]) : 0;
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
	int status;
	/* The end of its commands ends it. */
	if (spawner->commands >= 0)
		close(spawner->commands);
	if (spawner->answers >= 0)
		close(spawner->answers);
	spawn_wait(&spawner->process, UINT64_MAX, &status);
	*spawner = SPAWNER_NONE;
}
