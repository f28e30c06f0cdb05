/* Memory of idle slots; see memory.h. */
#include "memory.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"

#define TRIALS_MAX 21
#define KIB	   1024.0

static const struct memory_plan {
	size_t slots, trials;
} plans[] = {{1, 21}, {100, 3}, {1000, 1}};

#define PLANS ARRAY_SIZE(plans)

struct memory_now {
	double process, kernel; /* bytes */
};

/* Adds up the fields of a file of lines "Name:   123 kB" that are among `names`. */
static int sum_fields(const char *path, const char *const *names, double *bytes,
		      struct error *error)
{
	char line[256];
	*bytes = 0;
	cleanup_fclose FILE *file = fopen(path, "re");
	if (!file)
		return error_set_errno(error, errno, "cannot open %s", path);
	while (fgets(line, sizeof(line), file)) {
		char *colon = strchr(line, ':');
		if (!colon)
			continue;
		*colon = 0;
		for (size_t i = 0; names[i]; i++)
			if (!strcmp(line, names[i]))
				*bytes += strtod(colon + 1, NULL) * KIB;
	}
	return 0;
}

/* Pss of this process and of its children: under process isolation each slot is one. */
static int sum_processes(double *bytes, struct error *error)
{
	static const char *const names[] = {"Pss", NULL};
	char path[64];
	int result = sum_fields("/proc/self/smaps_rollup", names, bytes, error);
	if (result)
		return result;
	snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
	cleanup_fclose FILE *children = fopen(path, "re");
	if (!children)
		return error_set_errno(error, errno, "cannot open %s", path);
	for (int pid; fscanf(children, "%d", &pid) == 1;) {
		double of_child;
		snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", pid);
		result = sum_fields(path, names, &of_child, error);
		if (result)
			return result;
		*bytes += of_child;
	}
	return 0;
}

static int memory_read(struct memory_now *now, struct error *error)
{
	/* Stacks are among what is mapped. */
	static const char *const of_kernel[] = {"PageTables",  "SecPageTables", "SUnreclaim",
						"VmallocUsed", "Percpu",	NULL};
	int result = sum_processes(&now->process, error);
	return result ? result : sum_fields("/proc/meminfo", of_kernel, &now->kernel, error);
}

static int open_and_serve(struct guest *guest, struct slot **slots, size_t count, size_t *opened,
			  struct error *error)
{
	for (*opened = 0; *opened < count;) {
		int result = slot_open(&slots[*opened], guest->monitor, error);
		if (result)
			return result;
		result = guest_serve_in(guest, slots[(*opened)++], error);
		if (result)
			return result;
	}
	return 0;
}

static int measure_once(struct guest *guest, size_t count, struct memory_now *each,
			struct error *error)
{
	struct memory_now before, after;
	size_t opened;
	/* NOLINTNEXTLINE(bugprone-sizeof-expression): pointers are what is wanted */
	cleanup_free struct slot **slots = calloc(count, sizeof(*slots));
	if (!slots)
		return error_set(error, ENOMEM, "no memory for %zu slots", count);
	int result = memory_read(&before, error);
	if (result)
		return result;
	result = open_and_serve(guest, slots, count, &opened, error);
	if (!result)
		result = memory_read(&after, error);
	for (size_t i = 0; i < opened; i++)
		slot_close(slots[i]);
	if (result)
		return error_wrap(error, "slot %zu of %zu", opened, count);
	each->process = (after.process - before.process) / (double)count;
	each->kernel = (after.kernel - before.kernel) / (double)count;
	return 0;
}

static int compare_doubles(const void *left, const void *right)
{
	double a = *(const double *)left, b = *(const double *)right;
	return (a > b) - (a < b);
}

static double median(double *values, size_t count)
{
	qsort(values, count, sizeof(*values), compare_doubles);
	return values[count / 2];
}

static int measure_plan(struct guest *guest, const struct memory_plan *plan, struct memory_row *row,
			struct error *error)
{
	double process[TRIALS_MAX], kernel[TRIALS_MAX];
	for (size_t i = 0; i < plan->trials; i++) {
		struct memory_now each = {0};
		int result = measure_once(guest, plan->slots, &each, error);
		if (result)
			return result;
		process[i] = each.process;
		kernel[i] = each.kernel;
	}
	row->slots = plan->slots;
	row->process = median(process, plan->trials);
	row->kernel = median(kernel, plan->trials);
	row->shared = (double)monitor_shared_bytes(guest->monitor);
	return 0;
}

/* The first requests of the first two slots tell what further slots are made with. */
static int settle(struct guest *guest, struct error *error)
{
	struct slot *slot;
	int result = guest_serve(guest, error);
	if (!result)
		result = slot_open(&slot, guest->monitor, error);
	if (result)
		return result;
	result = guest_serve_in(guest, slot, error);
	slot_close(slot);
	return result;
}

static int measure_plans(const struct guest_program *program, const char *name,
			 const char *isolation, size_t first_plan, struct memory_row *rows,
			 size_t *count, struct error *error)
{
	cleanup(guest_close) struct guest guest = {0};
	int result = guest_open(&guest, program, isolation, error);
	if (!result)
		result = settle(&guest, error);
	for (size_t i = first_plan; i < PLANS && !result; i++) {
		rows[*count] = (struct memory_row){.program = name};
		result = measure_plan(&guest, &plans[i], &rows[*count], error);
		*count += !result;
	}
	return result;
}

int memory_measure(const char *isolation, struct memory_row rows[MEMORY_ROWS_MAX], size_t *count,
		   struct error *error)
{
	static const struct guest_program hello = {.part = "functions/hello"};
	return measure_plans(&hello, "hello", isolation, 0, rows, count, error);
}

int memory_measure_program(const struct guest_program *program, const char *name,
			   const char *isolation, struct memory_row rows[MEMORY_ROWS_MAX],
			   size_t *count, struct error *error)
{
	return measure_plans(program, name, isolation, PLANS - 1, rows, count, error);
}
