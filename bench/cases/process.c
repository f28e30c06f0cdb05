/* The same `hello` as an ordinary process: fork + exec, posix_spawn, a fork that answers without
 * exec as classic servers do, and a process that does nothing at all. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cases.h"
#include "harness/spawner_client.h"
#include "sizes/sizes.h"
#include "util/clock.h"
#include "util/paths.h"

#define METHODS 4

struct process_cases {
	struct spawner spawner;
	struct process_method {
		struct spawner *spawner;
		enum spawner_method method;
	} methods[METHODS];
};

static int measure_process(void *context, double *ns, struct error *error)
{
	const struct process_method *self = context;
	return spawner_measure(self->spawner, self->method, ns, error);
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

static int start_spawner(struct process_cases *cases, struct error *error)
{
	char spawner[PATH_MAX], program[PATH_MAX];
	int result = paths_part(spawner, sizeof(spawner), "bench/spawner", error);
	if (!result)
		result = paths_part(program, sizeof(program), "functions/hello", error);
	const char *const arguments[] = {spawner, program, NULL};
	return result ? result : spawner_start(&cases->spawner, arguments, error);
}

int process_cases_open(struct process_cases **cases, struct bench *bench,
		       const struct cases_settings *settings, struct error *error)
{
	(void)settings;
	struct process_cases *self = calloc(1, sizeof(*self));
	if (!self)
		return error_set(error, ENOMEM, "no memory for the process cases");
	self->spawner = SPAWNER_NONE;
	*cases = self;
	for (size_t i = 0; i < METHODS; i++)
		self->methods[i] = (struct process_method){&self->spawner, i};
	const struct bench_case rows[] = {
	    {"process-fork-exec", "process", "hello by fork + exec + wait", 1, false,
	     measure_process, &self->methods[SPAWNER_FORK_EXEC]},
	    {"process-posix-spawn", "process", "hello by posix_spawn + wait", 1, false,
	     measure_process, &self->methods[SPAWNER_POSIX_SPAWN]},
	    {"process-fork", "process", "a server's fork that writes the answer + wait", 1, false,
	     measure_process, &self->methods[SPAWNER_FORK]},
	    {"process-vfork", "process", "no program: vfork + _exit + wait", 1, false,
	     measure_process, &self->methods[SPAWNER_VFORK_EXIT]},
	    {"process-vfork-own", "process", "no program: vfork + _exit + wait by the monitor", 1,
	     false, measure_own_vfork, NULL},
	};
	const size_t count = ARRAY_SIZE(rows);
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
	spawner_stop(&cases->spawner);
	free(cases);
}
