/* Go: a program that answers at once, and one that computes, in a machine and as processes. Both
 * are the one that bench/run builds where Go is installed. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "cases.h"
#include "harness/child.h"
#include "harness/guest.h"
#include "harness/spawner_client.h"
#include "util/cleanup.h"
#include "util/paths.h"

#define ANSWER_SIZE   256
#define HELLO_EVERY   4
#define COMPUTE_EVERY 50

#define KINDS 2

/* In a row, where requests and processes take turns in blocks. */
#define PROCESS_BLOCK 25

/* Go has 32 MiB of tables for its heap, and wants as much again. */
#define MEMORY (128UL << 20)

static int measure_process(void *context, double *ns, struct error *error)
{
	return spawner_measure(context, SPAWNER_FORK_EXEC, ns, error);
}

/* Pairs of a request and a process: in a kind's rows the former are at even places. */
#define ROWS_MAX 4

static const struct kind {
	const char *word; /* for the program */
	size_t row_count;
	struct bench_case rows[ROWS_MAX];
} kinds[KINDS] = {
    {"hello",
     4,
     {{"go-hello-inside", "go", "hello in Go, in a machine", 1, false, guest_measure_request, NULL,
       0},
      {"go-hello-outside", "go", "as a process", HELLO_EVERY, false, measure_process, NULL, 0},
      {"go-hello-inside-tight", "go", "hello in Go, in a machine, in a tight loop", 1, false,
       guest_measure_request, NULL, BENCH_BLOCK_MAX},
      {"go-hello-outside-tight", "go", "as a process, in a tight loop", 1, false, measure_process,
       NULL, PROCESS_BLOCK}}},
    {"compute",
     2,
     {{"go-compute-inside", "go", "SHA-256 and matrices, in a machine", COMPUTE_EVERY, false,
       guest_measure_request, NULL, 0},
      {"go-compute-outside", "go", "as a process", COMPUTE_EVERY, false, measure_process, NULL,
       0}}},
};

struct go_cases {
	struct guest guests[KINDS];
	struct spawner spawners[KINDS];
};

/* Inside and outside must answer the same. */
static int check_answer(struct guest *guest, const char *program, const char *word,
			struct error *error)
{
	char answer[ANSWER_SIZE];
	const char *const arguments[] = {program, word, NULL};
	cleanup_close int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (nothing < 0)
		return error_set_errno(error, errno, "cannot open /dev/null");
	int result = child_run(arguments, nothing, answer, sizeof(answer), error);
	if (!result)
		result = guest_serve(guest, error);
	if (!result && (strlen(answer) != guest->response_length ||
			memcmp(answer, guest->response, guest->response_length) != 0))
		result = error_set(error, EPROTO, "%s %s answers %s as a process, %.*s inside",
				   program, word, answer, (int)guest->response_length,
				   (const char *)guest->response);
	return result;
}

static int add_kind(struct go_cases *cases, size_t number, const char *path, struct bench *bench,
		    struct error *error)
{
	const struct kind *kind = &kinds[number];
	const char *word = kind->word;
	const struct guest_program program = {.path = path, .arguments = {word}, .memory = MEMORY};
	char spawner[PATH_MAX];
	const char *const arguments[] = {spawner, path, word, NULL};
	int result = paths_part(spawner, sizeof(spawner), "bench/spawner", error);
	if (!result)
		result = guest_open(&cases->guests[number], &program, "kvm", error);
	if (!result)
		result = check_answer(&cases->guests[number], path, word, error);
	if (!result)
		result = spawner_start(&cases->spawners[number], arguments, error);
	for (size_t i = 0; i < kind->row_count && !result; i++) {
		struct bench_case row = kind->rows[i];
		row.context = i % 2 ? (void *)&cases->spawners[number] : &cases->guests[number];
		result = bench_add(bench, &row, error);
	}
	return result;
}

int go_cases_open(struct go_cases **cases, struct bench *bench,
		  const struct cases_settings *settings, struct error *error)
{
	struct go_cases *self = calloc(1, sizeof(*self));
	if (!self)
		return error_set(error, ENOMEM, "no memory for the Go cases");
	*cases = self;
	int result = 0;
	for (size_t i = 0; i < KINDS; i++)
		self->spawners[i] = SPAWNER_NONE;
	for (size_t i = 0; i < KINDS && !result; i++) {
		const struct kind *kind = &kinds[i];
		if (!bench_wants_any(bench, kind->rows, kind->row_count))
			continue;
		if (settings->kvm && settings->go) {
			result = add_kind(self, i, settings->go, bench, error);
			continue;
		}
		const char *reason =
		    settings->kvm ? "no program was given by --go" : settings->no_kvm;
		for (size_t row = 0; row < kind->row_count; row++)
			bench_leave_out(bench, kind->rows[row].name, reason);
	}
	return result;
}

void go_cases_close(struct go_cases *cases)
{
	if (!cases)
		return;
	for (size_t i = 0; i < KINDS; i++) {
		guest_close(&cases->guests[i]);
		spawner_stop(&cases->spawners[i]);
	}
	free(cases);
}
