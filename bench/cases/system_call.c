/* System calls and processes inside a machine and outside: calls.c and processes.c make them and time
 * themselves. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>

#include "cases.h"
#include "harness/child.h"
#include "harness/guest.h"
#include "util/cleanup.h"
#include "util/paths.h"

#define CALLS_PART     "bench/calls"
#define PROCESSES_PART "bench/processes"
#define ANSWER_SIZE    64
#define KINDS	       9

static const struct system_call_kind {
	const char *part, *call, *count; /* the program, and its arguments */
	const char *inside_name, *inside_title, *outside_name, *outside_title;
	unsigned every;
} kinds[KINDS] = {
    {CALLS_PART, "getpid", "10000", "getpid-inside", "getpid() inside", "getpid-outside",
     "getpid() outside", 50},
    {CALLS_PART, "syscall", "10000", "syscall-inside", "syscall(SYS_getpid) inside",
     "syscall-outside", "syscall(SYS_getpid) outside", 50},
    {CALLS_PART, "instruction", "1000", "instruction-inside",
     "a SYSCALL that is not rewritten, inside", "instruction-outside", "the same outside", 50},
    {PROCESSES_PART, "fork-50", "10", "fork-50-inside", "fork of 50 pages inside",
     "fork-50-outside", "fork of 50 pages outside", 50},
    {PROCESSES_PART, "fork-500", "10", "fork-500-inside", "fork of 500 pages inside",
     "fork-500-outside", "fork of 500 pages outside", 50},
    {PROCESSES_PART, "fork-5000", "4", "fork-5000-inside", "fork of 5,000 pages inside",
     "fork-5000-outside", "fork of 5,000 pages outside", 100},
    {PROCESSES_PART, "vfork", "20", "vfork-inside", "vfork inside", "vfork-outside",
     "vfork outside", 50},
    {PROCESSES_PART, "pipeline", "5", "pipeline-inside",
     "three processes in a row of pipes, inside", "pipeline-outside", "the same outside", 50},
    {PROCESSES_PART, "byte", "100", "byte-inside", "a byte to a process and back, inside",
     "byte-outside", "the same outside", 50},
};

struct system_call_cases {
	struct guest guests[KINDS];
	struct system_call_process {
		char program[PATH_MAX];
		const struct system_call_kind *kind;
	} processes[KINDS];
};

/* With an empty request. */
static int measure_outside(void *context, double *ns, struct error *error)
{
	const struct system_call_process *self = context;
	const char *const arguments[] = {self->program, self->kind->call, self->kind->count, NULL};
	char answer[ANSWER_SIZE];
	cleanup_close int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (nothing < 0)
		return error_set_errno(error, errno, "cannot open /dev/null");
	int result = child_run(arguments, nothing, answer, sizeof(answer), error);
	if (result)
		return result;
	*ns = strtod(answer, NULL);
	return *ns > 0 ? 0 : error_set(error, EPROTO, "%s answered %s", self->kind->part, answer);
}

static int add_kind(struct system_call_cases *cases, size_t index, struct bench *bench,
		    const struct cases_settings *settings, struct error *error)
{
	const struct system_call_kind *kind = &kinds[index];
	struct system_call_process *process = &cases->processes[index];
	process->kind = kind;
	const struct bench_case inside = {
	    kind->inside_name,	    "system call",	  kind->inside_title, kind->every, false,
	    guest_measure_response, &cases->guests[index]};
	const struct bench_case outside = {
	    kind->outside_name, "system call", kind->outside_title, kind->every, false,
	    measure_outside,	process};
	struct guest_program program = {
	    .part = kind->part,
	    .arguments = {kind->call, kind->count},
	};
	if (!bench_wants(bench, inside.name) && !bench_wants(bench, outside.name))
		return 0;
	int result = paths_part(process->program, sizeof(process->program), kind->part, error);
	if (!result)
		result = guest_open(&cases->guests[index], &program, settings->isolation, error);
	if (!result)
		result = bench_add(bench, &inside, error);
	return result ? result : bench_add(bench, &outside, error);
}

int system_call_cases_open(struct system_call_cases **cases, struct bench *bench,
			   const struct cases_settings *settings, struct error *error)
{
	struct system_call_cases *self = calloc(1, sizeof(*self));
	if (!self)
		return error_set(error, ENOMEM, "no memory for the system call cases");
	*cases = self;
	int result = 0;
	for (size_t i = 0; i < KINDS && !result; i++)
		result = add_kind(self, i, bench, settings, error);
	return result;
}

void system_call_cases_close(struct system_call_cases *cases)
{
	if (!cases)
		return;
	for (size_t i = 0; i < KINDS; i++)
		guest_close(&cases->guests[i]);
	free(cases);
}
