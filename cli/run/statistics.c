/* Figures of many requests; see statistics.h. */
#include "cli/run/statistics.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/file.h"

enum figure { FIGURE_CLONE, FIGURE_RUN, FIGURE_RESET, FIGURE_TOTAL, FIGURE_OP };

int run_statistics_open(struct run_statistics *statistics, const char *path, struct error *error)
{
	/* The library reads /dev/urandom before it makes its first object. */
	json_object_seed(0);
	statistics->for_people = !*path && isatty(STDERR_FILENO);
	statistics->path = strcmp(path, "json") != 0 ? path : "";
	statistics->fd = STDERR_FILENO;
	if (*statistics->path)
		statistics->fd =
		    open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOCTTY | O_CLOEXEC, 0666);
	if (statistics->fd < 0)
		return error_set_errno(error, errno, "cannot open %s", path);
	if (*statistics->path)
		fcntl(statistics->fd, F_SETFL, O_NONBLOCK);
	return 0;
}

int run_statistics_read(struct run_statistics *statistics, int fd, uint64_t count,
			struct error *error)
{
	struct stat status;
	uint64_t size;
	if (fstat(fd, &status) || mul_overflows(count, sizeof(*statistics->figures), &size) ||
	    status.st_size != (off_t)size)
		return error_set(error, EPROTO, "the monitor's statistics are not sound");
	statistics->figures = malloc(size ? size : 1);
	if (!statistics->figures)
		return error_set(error, ENOMEM, "no memory for statistics");
	for (uint64_t done = 0; done < size;) {
		ssize_t got =
		    pread(fd, (uint8_t *)statistics->figures + done, size - done, (off_t)done);
		if (got <= 0)
			return error_set(error, EIO, "cannot read the monitor's statistics");
		done += (uint64_t)got;
	}
	statistics->count = count;
	return 0;
}

void run_statistics_release(struct run_statistics *statistics)
{
	free(statistics->figures);
	if (statistics->fd > STDERR_FILENO)
		close(statistics->fd);
	*statistics = (struct run_statistics){.fd = -1};
}

static double microseconds(const struct mayfly_figures *one, enum figure figure)
{
	switch (figure) {
	case FIGURE_CLONE:
		return (double)one->clone_ns / 1e3;
	case FIGURE_RUN:
		return (double)one->run_ns / 1e3;
	case FIGURE_RESET:
		return (double)one->reset_ns / 1e3;
	case FIGURE_TOTAL:
		return (double)(one->clone_ns + one->run_ns + one->reset_ns) / 1e3;
	case FIGURE_OP:
		return one->ops ? (double)one->op_ns / (double)one->ops / 1e3 : 0;
	}
	return 0;
}

static int compare_doubles(const void *left, const void *right)
{
	double a = *(const double *)left, b = *(const double *)right;
	return (a > b) - (a < b);
}

/* One figure of all requests, in microseconds; of an op only those of requests that had one. */
struct sorted_figure {
	size_t count;
	double *values;
};

static void sorted_figure_release(struct sorted_figure *sorted)
{
	free(sorted->values);
}

/* NULL if there is no memory for it. */
static struct sorted_figure sort_figure(const struct run_statistics *statistics, enum figure figure)
{
	struct sorted_figure sorted = {.values = calloc(statistics->count + 1, sizeof(double))};
	for (size_t i = 0; sorted.values && i < statistics->count; i++)
		if (figure != FIGURE_OP || statistics->figures[i].ops)
			sorted.values[sorted.count++] =
			    microseconds(&statistics->figures[i], figure);
	if (sorted.count)
		qsort(sorted.values, sorted.count, sizeof(double), compare_doubles);
	return sorted;
}

/* The value at or below which `percent` of the values lie (nearest rank), to a tenth. */
static double percentile(const struct sorted_figure *sorted, unsigned percent)
{
	size_t rank = (percent * sorted->count + 99) / 100;
	return (double)(int64_t)(sorted->values[rank - 1] * 10 + 0.5) / 10;
}

/* null for none. */
static json_t *summary(const struct run_statistics *statistics, enum figure figure)
{
	cleanup(sorted_figure_release) struct sorted_figure sorted =
	    sort_figure(statistics, figure);
	if (!sorted.count)
		return json_null();
	return json_pack("{s:f, s:f, s:f, s:f}", "p50", percentile(&sorted, 50), "p90",
			 percentile(&sorted, 90), "p99", percentile(&sorted, 99), "max",
			 percentile(&sorted, 100));
}

static char *format_json(const struct run_statistics *statistics,
			 const struct run_conditions *conditions, uint64_t ops)
{
	const uint64_t machines = conditions->machines;
	cleanup(json_decrefp) json_t *object =
	    json_pack("{s:s, s:s?, s:I, s:o*, s:o, s:o, s:o, s:o, s:I, s:I, s:I, s:o}", "isolation",
		      conditions->isolation, "way", *conditions->way ? conditions->way : NULL,
		      "requests", (json_int_t)statistics->count, "machines",
		      machines ? json_integer((json_int_t)machines) : NULL, "clone_us",
		      summary(statistics, FIGURE_CLONE), "run_us", summary(statistics, FIGURE_RUN),
		      "reset_us", summary(statistics, FIGURE_RESET), "total_us",
		      summary(statistics, FIGURE_TOTAL), "memory_per_slot_bytes",
		      (json_int_t)conditions->memory_per_slot, "memory_shared_bytes",
		      (json_int_t)conditions->memory_shared, "ops", (json_int_t)ops, "op_us",
		      summary(statistics, FIGURE_OP));
	return object ? json_dumps(object, JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(9)) : NULL;
}

static void print_time(FILE *out, const char *name, double us)
{
	if (us < 1000)
		fprintf(out, "%s %.1f us", name, us);
	else if (us < 1e6)
		fprintf(out, "%s %.2f ms", name, us / 1e3);
	else
		fprintf(out, "%s %.2f s", name, us / 1e6);
}

static void print_times(FILE *out, const struct run_statistics *statistics)
{
	static const struct {
		enum figure figure;
		const char *name;
	} shown[] = {{FIGURE_CLONE, "clone"},
		     {FIGURE_RUN, "run"},
		     {FIGURE_RESET, "reset"},
		     {FIGURE_TOTAL, "together"}};
	for (size_t i = 0; i < ARRAY_SIZE(shown); i++) {
		cleanup(sorted_figure_release) struct sorted_figure sorted =
		    sort_figure(statistics, shown[i].figure);
		if (!sorted.count)
			continue;
		fputs(i ? ", " : " ", out);
		print_time(out, shown[i].name, percentile(&sorted, 50));
		if (shown[i].figure != FIGURE_TOTAL || statistics->count == 1)
			continue;
		print_time(out, " (median; 90 % within", percentile(&sorted, 90));
		print_time(out, ", 99 % within", percentile(&sorted, 99));
		fputc(')', out);
	}
}

/* "1000 requests under kvm: clone 0.5 us, run 61.4 us, …" */
static char *format_line(const struct run_statistics *statistics,
			 const struct run_conditions *conditions, uint64_t ops)
{
	const char *way = conditions->way;
	const uint64_t machines = conditions->machines;
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);
	if (!out)
		return NULL;
	fprintf(out, "%zu request%s under %s%s%s%s", statistics->count,
		statistics->count == 1 ? "" : "s", conditions->isolation, *way ? " (" : "", way,
		*way ? ")" : "");
	if (machines)
		fprintf(out, ", in %lu machine%s that %s used again", machines,
			machines == 1 ? "" : "s", machines == 1 ? "was" : "were");
	fputc(':', out);
	print_times(out, statistics);
	cleanup(sorted_figure_release) struct sorted_figure op = sort_figure(statistics, FIGURE_OP);
	if (op.count) {
		fprintf(out, "; %lu accelerated call%s", ops, ops == 1 ? "" : "s");
		print_time(out, " of", percentile(&op, 50));
		fputs(ops == 1 ? "" : " each", out);
	}
	fprintf(out, "; memory %.0f KiB, and %.0f KiB that clones share",
		(double)conditions->memory_per_slot / 1024,
		(double)conditions->memory_shared / 1024);
	if (!fclose(out))
		return text;
	free(text);
	return NULL;
}

int run_statistics_write(const struct run_statistics *statistics,
			 const struct run_conditions *conditions, uint64_t deadline_ns,
			 struct error *error)
{
	uint64_t ops = 0;
	for (size_t i = 0; i < statistics->count; i++)
		ops += statistics->figures[i].ops;
	cleanup_free char *text =
	    (statistics->for_people ? format_line : format_json)(statistics, conditions, ops);
	cleanup_free char *line = NULL;
	if (!text || asprintf(&line, "%s\n", text) < 0)
		return error_set(error, ENOMEM, "no memory for statistics");
	int result = file_write_until(statistics->fd, line, strlen(line), deadline_ns);
	if (result && *statistics->path)
		return error_set_errno(error, -result, "cannot write %s", statistics->path);
	return result ? error_set_errno(error, -result, "cannot write statistics") : 0;
}
