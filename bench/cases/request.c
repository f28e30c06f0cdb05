/* Requests: clone, run and reset of small programs, and machines made from nothing. */
#include <errno.h>
#include <stdlib.h>

#include "cases.h"
#include "harness/guest.h"
#include "sizes/sizes.h"
#include "util/clock.h"

#define PAGES_CASES 4

/* A machine takes about a millisecond to make: a quarter of the samples is plenty. */
#define MACHINE_EVERY 4

struct request_cases {
	struct guest hello, hello_process;
	struct guest pages[PAGES_CASES];
};

/* Makes a slot, serves one request in it, and closes it. */
static int measure_fresh_machine(void *context, double *ns, struct error *error)
{
	struct guest *guest = context;
	struct slot *slot;
	uint64_t begin = clock_now_ns();
	int result = slot_open(&slot, guest->monitor, error);
	if (result)
		return result;
	result = guest_serve_in(guest, slot, error);
	slot_close(slot);
	*ns = (double)(clock_now_ns() - begin);
	return result;
}

static int measure_slot_open(void *context, double *ns, struct error *error)
{
	struct guest *guest = context;
	struct slot *slot;
	uint64_t begin = clock_now_ns();
	int result = slot_open(&slot, guest->monitor, error);
	*ns = (double)(clock_now_ns() - begin);
	if (!result)
		slot_close(slot);
	return result;
}

static int add_hello(struct request_cases *cases, struct bench *bench, struct error *error)
{
	const struct bench_case rows[] = {
	    {"hello-kvm", "request", "hello under KVM: clone, run, reset", 1, false,
	     guest_measure_request, &cases->hello},
	    {"hello-kvm-tight", "request", "hello under KVM, in a tight loop", 1, true,
	     guest_measure_request, &cases->hello},
	    {"machine-fresh", "machine", "made, used for hello, destroyed", MACHINE_EVERY, false,
	     measure_fresh_machine, &cases->hello},
	    {"machine-create", "machine", "made only", MACHINE_EVERY, false, measure_slot_open,
	     &cases->hello},
	};
	static const struct guest_program program = {.part = "functions/hello"};
	const size_t count = ARRAY_SIZE(rows);
	if (!bench_wants_any(bench, rows, count))
		return 0;
	int result = guest_open(&cases->hello, &program, "kvm", error);
	for (size_t i = 0; i < count && !result; i++)
		result = bench_add(bench, &rows[i], error);
	return result;
}

static const struct pages_case {
	const char *count, *name, *title;
} pages_cases[PAGES_CASES] = {
    {"1", "pages-1", "writes 1 page (KVM)"},
    {"10", "pages-10", "writes 10 pages (KVM)"},
    {"100", "pages-100", "writes 100 pages (KVM)"},
    {"500", "pages-500", "writes 500 pages (KVM)"},
};

static int add_pages(struct request_cases *cases, struct bench *bench, struct error *error)
{
	int result = 0;
	for (size_t i = 0; i < PAGES_CASES && !result; i++) {
		const struct pages_case *pages = &pages_cases[i];
		struct guest_program program = {.part = "bench/pages", .arguments = {pages->count}};
		struct bench_case row = {
		    pages->name,	   "request",	    pages->title, 1, false,
		    guest_measure_request, &cases->pages[i]};
		if (!bench_wants(bench, row.name))
			continue;
		result = guest_open(&cases->pages[i], &program, "kvm", error);
		if (!result)
			result = bench_add(bench, &row, error);
	}
	return result;
}

static void leave_out_kvm(struct bench *bench, const char *reason)
{
	static const char *const names[] = {"hello-kvm", "hello-kvm-tight", "machine-fresh",
					    "machine-create"};
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		bench_leave_out(bench, names[i], reason);
	for (size_t i = 0; i < PAGES_CASES; i++)
		bench_leave_out(bench, pages_cases[i].name, reason);
}

/* A kernel may lack what process isolation needs. */
static int add_hello_process(struct request_cases *cases, struct bench *bench, struct error *error)
{
	static const struct guest_program program = {.part = "functions/hello"};
	const struct bench_case row = {"hello-process",
				       "request",
				       "hello under process isolation",
				       1,
				       false,
				       guest_measure_request,
				       &cases->hello_process};
	struct error reason = {0};
	if (!bench_wants(bench, row.name))
		return 0;
	if (guest_open(&cases->hello_process, &program, "process", &reason)) {
		bench_leave_out(bench, row.name, reason.text);
		return 0;
	}
	return bench_add(bench, &row, error);
}

int request_cases_open(struct request_cases **cases, struct bench *bench,
		       const struct cases_settings *settings, struct error *error)
{
	struct request_cases *self = calloc(1, sizeof(*self));
	if (!self)
		return error_set(error, ENOMEM, "no memory for the request cases");
	*cases = self;
	int result = add_hello_process(self, bench, error);
	if (!settings->kvm) {
		leave_out_kvm(bench, settings->no_kvm);
		return result;
	}
	if (!result)
		result = add_hello(self, bench, error);
	return result ? result : add_pages(self, bench, error);
}

void request_cases_close(struct request_cases *cases)
{
	if (!cases)
		return;
	guest_close(&cases->hello);
	guest_close(&cases->hello_process);
	for (size_t i = 0; i < PAGES_CASES; i++)
		guest_close(&cases->pages[i]);
	free(cases);
}
