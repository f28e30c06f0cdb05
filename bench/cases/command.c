/* `hello` by the command itself: a monitor that has given up its rights, as every user's has, tells
 * by --stats how long its requests took. The other rows are served by the bench's own process. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cases.h"
#include "harness/child.h"
#include "util/cleanup.h"
#include "util/paths.h"

#define COMMAND_EVERY 50
#define REQUESTS      "--repeat=200"
#define ANSWER_SIZE   256
#define MICROSECOND   1e3

struct command_cases {
	char statistics[32]; /* a temporary file; "": there is none */
};

static const char name[] = "hello-command";

/* The median of one run of the command. */
static int measure_command(void *context, double *ns, struct error *error)
{
	const struct command_cases *cases = context;
	char command[PATH_MAX], statistics[64], answer[ANSWER_SIZE];
	cleanup_close int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (nothing < 0)
		return error_set_errno(error, errno, "cannot open /dev/null");
	snprintf(statistics, sizeof(statistics), "--stats=%s", cases->statistics);
	const char *const arguments[] = {command, "run", "--isolation=kvm", REQUESTS, statistics,
					 "hello", NULL};
	int result = paths_part(command, sizeof(command), "mayfly", error);
	if (!result)
		result = child_run(arguments, nothing, answer, sizeof(answer), error);
	if (result)
		return result;
	json_t *all = json_load_file(cases->statistics, 0, NULL);
	const json_t *total = json_object_get(json_object_get(all, "total_us"), "p50");
	*ns = json_number_value(total) * MICROSECOND;
	json_decref(all);
	return *ns > 0 ? 0 : error_set(error, EPROTO, "--stats told no median");
}

int command_cases_open(struct command_cases **cases, struct bench *bench,
		       const struct cases_settings *settings, struct error *error)
{
	struct command_cases *self = calloc(1, sizeof(*self));
	if (!self)
		return error_set(error, ENOMEM, "no memory for the command's cases");
	*cases = self;
	if (!bench_wants(bench, name))
		return 0;
	if (!settings->kvm) {
		bench_leave_out(bench, name, settings->no_kvm);
		return 0;
	}
	snprintf(self->statistics, sizeof(self->statistics), "/tmp/mayfly-bench-XXXXXX");
	cleanup_close int file = mkstemp(self->statistics);
	if (file < 0) {
		self->statistics[0] = 0;
		return error_set_errno(error, errno, "cannot make a temporary file");
	}
	const struct bench_case row = {
	    name,	   "request", "hello by mayfly run, its rights given up",
	    COMMAND_EVERY, true,      measure_command,
	    self};
	return bench_add(bench, &row, error);
}

void command_cases_close(struct command_cases *cases)
{
	if (!cases)
		return;
	if (cases->statistics[0])
		unlink(cases->statistics);
	free(cases);
}
