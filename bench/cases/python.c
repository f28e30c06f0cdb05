/* Python: a request to a script that serves one after another, in a machine that was warmed up, and
 * the same script as a process from its start to its end. The interpreter, numpy and the script
 * come from an image and a folder that bench/run makes. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cases.h"
#include "harness/child.h"
#include "harness/guest.h"
#include "harness/spawner_client.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/file.h"
#include "util/paths.h"

#define PYTHON	      "/usr/bin/python3"
#define SCRIPT_INSIDE "/function/handler.py"
#define MEMORY	      (256UL << 20)
#define ANSWER_SIZE   256

/* A process takes 10 to 200 ms, a new slot some: so do blocks of few processes. */
#define PROCESS_EVERY 50
#define SLOT_EVERY    25

#define KINDS 3

static const char request[] = "100\n";
#define REQUEST_LENGTH (sizeof(request) - 1)

static int measure_process(void *context, double *ns, struct error *error)
{
	return spawner_measure(context, SPAWNER_FORK_EXEC, ns, error);
}

/* Pairs of a request and a process: the former are at even places. */
#define ROWS 4

static const struct kind {
	const char *word; /* for the script */
	struct bench_case rows[ROWS];
} kinds[KINDS] = {
    {"bare",
     {{"python-bare-inside", "python", "interpreter alone, in a machine", 1, false,
       guest_measure_request, NULL, 0},
      {"python-bare-outside", "python", "as a process", PROCESS_EVERY, false, measure_process, NULL,
       0},
      {"python-bare-inside-tight", "python", "interpreter alone, in a tight loop", 1, false,
       guest_measure_request, NULL, BENCH_BLOCK_MAX},
      {"python-bare-outside-tight", "python", "as a process, in a tight loop", 1, false,
       measure_process, NULL, 10}}},
    {"modules",
     {{"python-modules-inside", "python", "json, re, hashlib, in a machine", 1, false,
       guest_measure_request, NULL, 0},
      {"python-modules-outside", "python", "as a process", PROCESS_EVERY, false, measure_process,
       NULL, 0},
      {"python-modules-inside-tight", "python", "json, re, hashlib, in a tight loop", 1, false,
       guest_measure_request, NULL, BENCH_BLOCK_MAX},
      {"python-modules-outside-tight", "python", "as a process, in a tight loop", 1, false,
       measure_process, NULL, 5}}},
    {"numpy",
     {{"python-numpy-inside", "python", "numpy, product of 64 x 64, in a machine", 1, false,
       guest_measure_request, NULL, 0},
      {"python-numpy-outside", "python", "as a process", PROCESS_EVERY, false, measure_process,
       NULL, 0},
      {"python-numpy-inside-tight", "python", "numpy, product of 64 x 64, in a tight loop", 1,
       false, guest_measure_request, NULL, BENCH_BLOCK_MAX},
      {"python-numpy-outside-tight", "python", "as a process, in a tight loop", 1, false,
       measure_process, NULL, 2}}},
};

struct python_cases {
	char image[PATH_MAX], script[PATH_MAX], path_variable[PATH_MAX];
	char input[64]; /* the request as a file in memory, which processes read */
	int input_fd;
	struct guest guests[KINDS];
	struct spawner spawners[KINDS];
};

/* A new slot of the function with numpy, and its first request: times the one or the other. */
static int measure_new_slot(struct guest *guest, bool opening, double *ns, struct error *error)
{
	struct slot *slot;
	uint64_t begin = clock_now_ns();
	int result = slot_open(&slot, guest->monitor, error);
	if (result)
		return result;
	uint64_t opened = clock_now_ns();
	result = guest_serve_in(guest, slot, error);
	*ns = (double)(opening ? opened - begin : clock_now_ns() - opened);
	slot_close(slot);
	return result;
}

static int measure_opening(void *context, double *ns, struct error *error)
{
	return measure_new_slot(context, true, ns, error);
}

static int measure_first(void *context, double *ns, struct error *error)
{
	return measure_new_slot(context, false, ns, error);
}

#define NEW_SLOT_ROWS 2

static const struct bench_case new_slots[NEW_SLOT_ROWS] = {
    {"python-numpy-open", "python", "numpy, a new slot", SLOT_EVERY, false, measure_opening, NULL},
    {"python-numpy-first", "python", "numpy, its first request", SLOT_EVERY, false, measure_first,
     NULL},
};

static int find_parts(struct python_cases *cases, const char *folder, struct error *error)
{
	if (strlen(folder) >= PATH_MAX - 64)
		return error_set(error, ENAMETOOLONG, "--python is too long");
	snprintf(cases->image, sizeof(cases->image), "%s/python.img", folder);
	snprintf(cases->script, sizeof(cases->script), "%s/handler.py", folder);
	snprintf(cases->path_variable, sizeof(cases->path_variable), "PYTHONPATH=%s/packages",
		 folder);
	cases->input_fd = memfd_create("python-request", 0);
	if (cases->input_fd < 0)
		return error_set_errno(error, errno, "cannot make a file in memory");
	int result = file_write_all(cases->input_fd, request, REQUEST_LENGTH);
	snprintf(cases->input, sizeof(cases->input), "/proc/%d/fd/%d", getpid(), cases->input_fd);
	return result ? error_set_errno(error, -result, "cannot write a request") : 0;
}

static int start_process(struct python_cases *cases, size_t number, struct error *error)
{
	char spawner[PATH_MAX];
	int result = paths_part(spawner, sizeof(spawner), "bench/spawner", error);
	if (result)
		return result;
	const char *const arguments[] = {"env",		cases->path_variable, spawner,	    PYTHON,
					 cases->script, kinds[number].word,   cases->input, NULL};
	return spawner_start(&cases->spawners[number], arguments, error);
}

/* Inside and outside must answer the same. */
static int check_answer(struct python_cases *cases, size_t number, struct error *error)
{
	char answer[ANSWER_SIZE];
	const char *const arguments[] = {
	    "/usr/bin/env",	cases->path_variable, PYTHON, cases->script,
	    kinds[number].word, cases->input,	      NULL};
	struct guest *guest = &cases->guests[number];
	int result = child_run(arguments, STDIN_FILENO, answer, sizeof(answer), error);
	if (!result)
		result = guest_serve(guest, error);
	if (!result && (strlen(answer) != guest->response_length ||
			memcmp(answer, guest->response, guest->response_length) != 0))
		result =
		    error_set(error, EPROTO, "Python's %s answers %s as a process, %.*s inside",
			      kinds[number].word, answer, (int)guest->response_length,
			      (const char *)guest->response);
	return result;
}

static struct guest_program program_of(const struct kind *kind, const char *image)
{
	return (struct guest_program){
	    .path = PYTHON,
	    .arguments = {SCRIPT_INSIDE, kind->word},
	    .root = image,
	    .variable = "PYTHONPATH=/packages",
	    .input = request,
	    .input_length = REQUEST_LENGTH,
	    .warm_up = true,
	    .memory = MEMORY,
	};
}

static int add_kind(struct python_cases *cases, size_t number, struct bench *bench,
		    struct error *error)
{
	const struct guest_program program = program_of(&kinds[number], cases->image);
	int result = guest_open(&cases->guests[number], &program, "kvm", error);
	if (!result)
		result = check_answer(cases, number, error);
	if (!result)
		result = start_process(cases, number, error);
	for (size_t i = 0; i < ROWS && !result; i++) {
		struct bench_case row = kinds[number].rows[i];
		row.context = i % 2 ? (void *)&cases->spawners[number] : &cases->guests[number];
		result = bench_add(bench, &row, error);
	}
	return result;
}

/* Rows of the guest with numpy, which is open where they are wanted. */
static int add_new_slots(struct python_cases *cases, struct bench *bench, struct error *error)
{
	struct guest *guest = &cases->guests[KINDS - 1];
	int result = 0;
	for (size_t i = 0; i < NEW_SLOT_ROWS && guest->monitor && !result; i++) {
		struct bench_case row = new_slots[i];
		row.context = guest;
		result = bench_add(bench, &row, error);
	}
	return result;
}

static void leave_out(struct bench *bench, const char *reason)
{
	for (size_t i = 0; i < KINDS; i++)
		for (size_t row = 0; row < ROWS; row++)
			bench_leave_out(bench, kinds[i].rows[row].name, reason);
	for (size_t i = 0; i < NEW_SLOT_ROWS; i++)
		bench_leave_out(bench, new_slots[i].name, reason);
}

int python_cases_open(struct python_cases **cases, struct bench *bench,
		      const struct cases_settings *settings, struct error *error)
{
	struct python_cases *self = calloc(1, sizeof(*self));
	if (!self)
		return error_set(error, ENOMEM, "no memory for the Python cases");
	*cases = self;
	self->input_fd = -1;
	for (size_t i = 0; i < KINDS; i++)
		self->spawners[i] = SPAWNER_NONE;
	if (!settings->kvm || !settings->python) {
		leave_out(bench, settings->kvm ? "no folder with Python was given by --python"
					       : settings->no_kvm);
		return 0;
	}
	int result = find_parts(self, settings->python, error);
	for (size_t i = 0; i < KINDS && !result; i++) {
		/* New slots are those of the guest with numpy. */
		if (bench_wants_any(bench, kinds[i].rows, ROWS) ||
		    (i == KINDS - 1 && bench_wants_any(bench, new_slots, NEW_SLOT_ROWS)))
			result = add_kind(self, i, bench, error);
	}
	return result ? result : add_new_slots(self, bench, error);
}

void python_cases_close(struct python_cases *cases)
{
	if (!cases)
		return;
	for (size_t i = 0; i < KINDS; i++) {
		spawner_stop(&cases->spawners[i]);
		if (cases->guests[i].response)
			guest_close(&cases->guests[i]);
	}
	if (cases->input_fd >= 0)
		close(cases->input_fd);
	free(cases);
}

int python_measure_memory(struct bench *bench, const struct cases_settings *settings,
			  struct memory_row rows[MEMORY_ROWS_MAX], size_t *count,
			  struct error *error)
{
	char image[PATH_MAX];
	if (!settings->kvm || !settings->python) {
		bench_leave_out(bench, "memory of numpy",
				settings->kvm ? "no folder with Python was given by --python"
					      : settings->no_kvm);
		return 0;
	}
	if ((size_t)snprintf(image, sizeof(image), "%s/python.img", settings->python) >=
	    sizeof(image))
		return error_set(error, ENAMETOOLONG, "--python is too long");
	const struct guest_program program = program_of(&kinds[KINDS - 1], image);
	return memory_measure_program(&program, "numpy", "kvm", rows, count, error);
}
