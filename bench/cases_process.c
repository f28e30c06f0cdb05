/* The same `hello` as an ordinary process: fork + exec, posix_spawn, and a process that does
 * nothing at all. The spawner does it, see spawner.c. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cases.h"
#include "spawner.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/file.h"
#include "util/paths.h"

#define METHODS 3

struct process_cases {
	pid_t pid; /* 0: not started */
	int commands, answers;
	struct process_method {
		struct process_cases *cases;
		enum spawner_method method;
	} methods[METHODS];
};

static int measure_process(void *context, double *ns, struct error *error)
{
	const struct process_method *self = context;
	uint8_t command = (uint8_t)self->method;
	struct spawner_answer answer;
	int result = file_write_all(self->cases->commands, &command, 1);
	if (result)
		return error_set_errno(error, -result, "cannot command the spawner");
	ssize_t got = file_read_full(self->cases->answers, &answer, sizeof(answer));
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

/* What vfork costs a process that owns machines: more than a small one, as the kernel has more of
 * it to look after. This is the process that serves the requests of the other rows. */
static int measure_own_vfork(void *context, double *ns, struct error *error)
{
	(void)context;
	int status;
	uint64_t begin = clock_now_ns();
	/* NOLINTNEXTLINE(clang-analyzer-security.insecureAPI.vfork): it is what is measured */
	pid_t child = vfork();
	if (!child)
		_exit(0);
	if (child < 0 || waitpid(child, &status, 0) != child)
		return error_set_errno(error, errno, "vfork");
	*ns = (double)(clock_now_ns() - begin);
	return 0;
}

/* Standard input and output are /dev/null: the programs inherit them. `commands` and `answers` are
 * beyond the places that they get. */
static int spawn(struct process_cases *cases, const char *spawner, const char *program,
		 int commands, int answers)
{
	char *arguments[] = {(char *)spawner, (char *)program, NULL};
	posix_spawn_file_actions_t actions;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDWR, 0);
	posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_RDWR, 0);
	posix_spawn_file_actions_adddup2(&actions, commands, SPAWNER_COMMAND_FD);
	posix_spawn_file_actions_adddup2(&actions, answers, SPAWNER_ANSWER_FD);
	posix_spawn_file_actions_addclosefrom_np(&actions, SPAWNER_ANSWER_FD + 1);
	int result = posix_spawn(&cases->pid, spawner, &actions, NULL, arguments, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (result)
		cases->pid = 0;
	return -result;
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

static int start_spawner(struct process_cases *cases, struct error *error)
{
	char spawner[PATH_MAX], program[PATH_MAX];
	cleanup_close int commands = -1;
	cleanup_close int answers = -1;
	int result = paths_part(spawner, sizeof(spawner), "bench/spawner", error);
	if (!result)
		result = paths_part(program, sizeof(program), "functions/hello", error);
	if (!result)
		result = open_pipe(0, &commands, &cases->commands, error);
	if (!result)
		result = open_pipe(1, &answers, &cases->answers, error);
	if (result)
		return result;
	result = spawn(cases, spawner, program, commands, answers);
	if (result)
		return error_set_errno(error, -result, "cannot start %s", spawner);
	return 0;
}

int process_cases_open(struct process_cases **cases, struct bench *bench,
		       const struct cases_settings *settings, struct error *error)
{
	(void)settings;
	struct process_cases *self = calloc(1, sizeof(*self));
	if (!self)
		return error_set(error, ENOMEM, "no memory for the process cases");
	self->commands = self->answers = -1;
	*cases = self;
	for (size_t i = 0; i < METHODS; i++)
		self->methods[i] = (struct process_method){.cases = self, .method = i};
	const struct bench_case rows[] = {
	    {"process-fork-exec", "process", "hello by fork + exec + wait", 1, false,
	     measure_process, &self->methods[SPAWNER_FORK_EXEC]},
	    {"process-posix-spawn", "process", "hello by posix_spawn + wait", 1, false,
	     measure_process, &self->methods[SPAWNER_POSIX_SPAWN]},
	    {"process-vfork", "process", "no program: vfork + _exit + wait", 1, false,
	     measure_process, &self->methods[SPAWNER_VFORK_EXIT]},
	    {"process-vfork-own", "process", "no program: vfork + _exit + wait by the monitor", 1,
	     false, measure_own_vfork, NULL},
	};
	const size_t count = sizeof(rows) / sizeof(rows[0]);
	if (!bench_wants_any(bench, rows, count))
		return 0;
	int result = start_spawner(self, error);
	for (size_t i = 0; i < count && !result; i++)
		result = bench_add(bench, &rows[i], error);
	return result;
}

void process_cases_close(struct process_cases *cases)
{
	if (!cases)
		return;
	/* The end of its commands ends the spawner. */
	if (cases->commands >= 0)
		close(cases->commands);
	if (cases->answers >= 0)
		close(cases->answers);
	if (cases->pid)
		waitpid(cases->pid, NULL, 0);
	free(cases);
}
