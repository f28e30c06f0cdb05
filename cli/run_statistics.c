/* Figures of many requests; see run_statistics.h. */
#include "cli/run_statistics.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/file.h"

enum figure { FIGURE_CLONE, FIGURE_RUN, FIGURE_RESET, FIGURE_TOTAL, FIGURE_OP };

int run_statistics_open(struct run_statistics *statistics, const char *path, struct error *error)
{
	/* The library reads /dev/urandom before it makes its first object. */
	json_object_seed(0);
	statistics->path = path;
	statistics->fd = *path
			     ? open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOCTTY | O_CLOEXEC, 0666)
			     : STDERR_FILENO;
	if (statistics->fd < 0)
		return error_set_errno(error, errno, "cannot open %s", path);
	return 0;
}

int run_statistics_add(struct run_statistics *statistics, const struct request_result *result,
		       struct error *error)
{
	if (statistics->count == statistics->room) {
		size_t room = statistics->room ? 2 * statistics->room : 64;
		void *grown = reallocarray(statistics->figures, room, sizeof(struct run_figures));
		if (!grown)
			return error_set(error, ENOMEM, "no memory for statistics");
		statistics->figures = grown;
		statistics->room = room;
	}
	statistics->figures[statistics->count++] = (struct run_figures){
	    .clone_ns = result->clone_ns,
	    .run_ns = result->run_ns,
	    .reset_ns = result->reset_ns,
	    .ops = result->ops,
	    .op_ns = result->op_ns,
	};
	return 0;
}

void run_statistics_release(struct run_statistics *statistics)
{
	free(statistics->figures);
	if (statistics->fd > STDERR_FILENO)
		close(statistics->fd);
	*statistics = (struct run_statistics){.fd = -1};
}

static double microseconds(const struct run_figures *one, enum figure figure)
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

/* The value at or below which `percent` of the sorted values lie (nearest rank). */
static json_t *percentile(const double *sorted, size_t count, unsigned percent)
{
	size_t rank = (percent * count + 99) / 100;
	double value = sorted[rank - 1];
	return json_real((double)(int64_t)(value * 10 + 0.5) / 10);
}

/* Percentiles of one figure over all requests, for op over those that had one; null for none. */
static json_t *summary(const struct run_statistics *statistics, enum figure figure)
{
	cleanup_free double *values = calloc(statistics->count + 1, sizeof(*values));
	size_t count = 0;
	for (size_t i = 0; values && i < statistics->count; i++)
		if (figure != FIGURE_OP || statistics->figures[i].ops)
			values[count++] = microseconds(&statistics->figures[i], figure);
	if (!count)
		return json_null();
	qsort(values, count, sizeof(*values), compare_doubles);
	return json_pack("{s:o, s:o, s:o, s:o}", "p50", percentile(values, count, 50), "p90",
			 percentile(values, count, 90), "p99", percentile(values, count, 99), "max",
			 percentile(values, count, 100));
}

static void json_decref_pointer(json_t **json)
{
	json_decref(*json);
}

int run_statistics_write(const struct run_statistics *statistics, const char *isolation,
			 uint64_t memory_per_slot, uint64_t memory_shared, struct error *error)
{
	json_int_t ops = 0;
	for (size_t i = 0; i < statistics->count; i++)
		ops += (json_int_t)statistics->figures[i].ops;
	cleanup(json_decref_pointer) json_t *object =
	    json_pack("{s:s, s:I, s:o, s:o, s:o, s:o, s:I, s:I, s:I, s:o}", "isolation", isolation,
		      "requests", (json_int_t)statistics->count, "clone_us",
		      summary(statistics, FIGURE_CLONE), "run_us", summary(statistics, FIGURE_RUN),
		      "reset_us", summary(statistics, FIGURE_RESET), "total_us",
		      summary(statistics, FIGURE_TOTAL), "memory_per_slot_bytes",
		      (json_int_t)memory_per_slot, "memory_shared_bytes", (json_int_t)memory_shared,
		      "ops", ops, "op_us", summary(statistics, FIGURE_OP));
	cleanup_free char *text =
	    object ? json_dumps(object, JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(9)) : NULL;
	cleanup_free char *line = NULL;
	if (!text || asprintf(&line, "%s\n", text) < 0)
		return error_set(error, ENOMEM, "no memory for statistics");
	int result = file_write_all(statistics->fd, line, strlen(line));
	if (result && *statistics->path)
		return error_set_errno(error, -result, "cannot write %s", statistics->path);
	return result ? error_set_errno(error, -result, "cannot write statistics") : 0;
}
