/* System calls inside a machine and outside: calls.c makes them and times itself. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>

#include "cases.h"
#include "harness/child.h"
#include "harness/guest.h"
#include "util/cleanup.h"
#include "util/paths.h"

#define CALLS_PART  "bench/calls"
#define ANSWER_SIZE 64
#define KINDS	    3

static const struct system_call_kind {
	const char *call, *count; /* arguments of calls */
	const char *inside_name, *inside_title, *outside_name, *outside_title;
	unsigned every;
} kinds[KINDS] = {
    {"getpid", "10000", "getpid-inside", "getpid() inside", "getpid-outside", "getpid() outside",
     50},
    {"syscall", "10000", "syscall-inside", "syscall(SYS_getpid) inside", "syscall-outside",
     "syscall(SYS_getpid) outside", 50},
    {"instruction", "1000", "instruction-inside", "a SYSCALL that is not rewritten, inside",
     "instruction-outside", "the same outside", 50},
};

struct system_call_cases {
	char program[PATH_MAX];
	struct guest guests[KINDS];
	struct system_call_process {
		const struct system_call_cases *cases;
		const struct system_call_kind *kind;
	} processes[KINDS];
};

/* With an empty request. */
static int measure_outside(void *context, double *ns, struct error *error)
{
	const struct system_call_process *self = context;
	const char *const arguments[] = {self->cases->program, self->kind->call, self->kind->count,
					 NULL};
	char answer[ANSWER_SIZE];
	cleanup_close int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (nothing < 0)
		return error_set_errno(error, errno, "cannot open /dev/null");
	int result = child_run(arguments, nothing, answer, sizeof(answer), error);
	if (result)
		return result;
	*ns = strtod(answer, NULL);
	return *ns > 0 ? 0 : error_set(error, EPROTO, CALLS_PART " answered %s", answer);
}

static int add_kind(struct system_call_cases *cases, size_t index, struct bench *bench,
		    const struct cases_settings *settings, struct error *error)
{
	const struct system_call_kind *kind = &kinds[index];
	cases->processes[index] = (struct system_call_process){.cases = cases, .kind = kind};
	const struct bench_case inside = {
	    kind->inside_name,	    "system call",	  kind->inside_title, kind->every, false,
	    guest_measure_response, &cases->guests[index]};
	const struct bench_case outside = {
	    kind->outside_name, "system call",		 kind->outside_title, kind->every, false,
	    measure_outside,	&cases->processes[index]};
	struct guest_program program = {
	    .part = CALLS_PART,
	    .arguments = {kind->call, kind->count},
	};
	if (!bench_wants(bench, inside.name) && !bench_wants(bench, outside.name))
		return 0;
	int result = paths_part(cases->program, sizeof(cases->program), CALLS_PART, error);
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
