/* The text that Prometheus reads; see exposition.h. Names and units follow its conventions. */
#include "acceld/metrics/exposition.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "accel_statistics/host_statistics.h"
#include "sizes/sizes.h"

static const char *const phases[MAYFLY_PHASES] = {[MAYFLY_PHASE_QUEUE] = "queue",
						  [MAYFLY_PHASE_INPUT] = "input",
						  [MAYFLY_PHASE_COMPUTE] = "compute",
						  [MAYFLY_PHASE_OUTPUT] = "output"};

static const char *const bucket_ends[] = {
#define END(ns, text) text,
    MAYFLY_BUCKET_ENDS(END)
#undef END
};

static void write_head(FILE *out, const char *name, const char *type, const char *help)
{
	fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* The value of a label, with what has a meaning in the format taken away from it. */
static void write_label(FILE *out, const char *name, const char *value)
{
	fprintf(out, "%s=\"", name);
	for (; *value; value++)
		if (*value == '\\' || *value == '"')
			fprintf(out, "\\%c", *value);
		else if (*value == '\n')
			fputs("\\n", out);
		else
			fputc(*value, out);
	fputc('"', out);
}

static void write_labels(FILE *out, const struct mayfly_op_statistics *series)
{
	write_label(out, "tenant", series->tenant);
	fputc(',', out);
	write_label(out, "model", series->model);
	fputc(',', out);
	write_label(out, "op", series->op);
}

static double seconds(uint64_t ns)
{
	return (double)ns / 1e9;
}

/* ── ops ─────────────────────────────────────────────────────────────────────────────────────── */

static void write_counter(FILE *out, const struct host_statistics *statistics, const char *name,
			  const char *help, size_t place)
{
	write_head(out, name, "counter", help);
	for (uint32_t i = 0; i < statistics->head->series; i++) {
		const struct mayfly_op_statistics *series = &statistics->series[i];
		const uint64_t *value = (const void *)((const char *)series + place);
		fprintf(out, "%s{", name);
		write_labels(out, series);
		fprintf(out, "} %ju\n", (uintmax_t)*value);
	}
}

static void write_histogram(FILE *out, const struct mayfly_op_statistics *series, int phase)
{
	static const char name[] = "mayfly_accel_op_seconds";
	uint64_t sum = 0;
	for (size_t i = 0; i < MAYFLY_BUCKETS; i++) {
		sum += series->buckets[phase][i];
		fprintf(out, "%s_bucket{", name);
		write_labels(out, series);
		fprintf(out, ",phase=\"%s\",le=\"%s\"} %ju\n", phases[phase],
			i < ARRAY_SIZE(bucket_ends) ? bucket_ends[i] : "+Inf", (uintmax_t)sum);
	}
	fprintf(out, "%s_sum{", name);
	write_labels(out, series);
	fprintf(out, ",phase=\"%s\"} %.9f\n%s_count{", phases[phase],
		seconds(series->sum_ns[phase]), name);
	write_labels(out, series);
	fprintf(out, ",phase=\"%s\"} %ju\n", phases[phase], (uintmax_t)sum);
}

static void write_ops(FILE *out, const struct host_statistics *statistics)
{
	write_counter(out, statistics, "mayfly_accel_ops_total", "Ops that have been served.",
		      offsetof(struct mayfly_op_statistics, count));
	write_counter(out, statistics, "mayfly_accel_op_errors_total",
		      "Ops that ended in an error; they are in mayfly_accel_ops_total, too.",
		      offsetof(struct mayfly_op_statistics, errors));
	write_head(out, "mayfly_accel_op_seconds", "histogram",
		   "How long ops spent in each phase: waiting for others, taking inputs apart, "
		   "computing, putting results together.");
	for (uint32_t i = 0; i < statistics->head->series; i++)
		for (int phase = 0; phase < MAYFLY_PHASES; phase++)
			write_histogram(out, &statistics->series[i], phase);
}

/* ── tenants ─────────────────────────────────────────────────────────────────────────────────── */

/* All gauges of a tenant: name, what it is, member of struct mayfly_tenant_statistics. */
#define TENANT_GAUGES(X)                                                                           \
	X("connections", "Connections that are open.", connections)                                \
	X("sessions", "Sessions that are open.", sessions)                                         \
	X("resources", "Resources that are registered.", resources)                                \
	X("sent_models", "Models that clients have sent.", sent_models)                            \
	X("ops_in_flight", "Messages that are served, also those that wait.", ops_in_flight)       \
	X("memory_bytes", "Memory of resources and large messages.", memory)                       \
	X("model_memory_bytes", "Memory of models that were used within a minute.", model_memory)

/* Processes of one name are added up: there may be any number of them. */
static bool is_first(const struct host_statistics *statistics, uint32_t place)
{
	for (uint32_t i = 0; i < place; i++)
		if (!strcmp(statistics->tenants[i].name, statistics->tenants[place].name))
			return false;
	return true;
}

static void write_tenants(FILE *out, const struct host_statistics *statistics)
{
	const struct mayfly_tenant_statistics *tenants = statistics->tenants;
#define GAUGE(gauge, help, member)                                                                 \
	write_head(out, "mayfly_accel_" gauge, "gauge", help);                                     \
	for (uint32_t i = 0; i < statistics->head->tenants; i++) {                                 \
		uint64_t sum = 0;                                                                  \
		if (!is_first(statistics, i))                                                      \
			continue;                                                                  \
		for (uint32_t j = i; j < statistics->head->tenants; j++)                           \
			if (!strcmp(tenants[i].name, tenants[j].name))                             \
				sum += tenants[j].member;                                          \
		fputs("mayfly_accel_" gauge "{", out);                                             \
		write_label(out, "tenant", tenants[i].name);                                       \
		fprintf(out, "} %ju\n", (uintmax_t)sum);                                           \
	}
	TENANT_GAUGES(GAUGE)
#undef GAUGE
}

static void write_models(FILE *out, const struct host_statistics *statistics)
{
	write_head(out, "mayfly_accel_model_bytes", "gauge",
		   "Memory that a loaded model takes, about.");
	for (uint32_t i = 0; i < statistics->head->models; i++) {
		fputs("mayfly_accel_model_bytes{", out);
		write_label(out, "model", statistics->models[i].name);
		fprintf(out, ",device=\"%s\"} %ju\n", statistics->models[i].on_gpu ? "gpu" : "cpu",
			(uintmax_t)statistics->models[i].bytes);
	}
}

static void write_number(FILE *out, const char *name, const char *type, const char *help,
			 double value)
{
	write_head(out, name, type, help);
	fprintf(out, "%s %.17g\n", name, value);
}

void exposition_write(FILE *out, const struct host_statistics *statistics)
{
	write_number(out, "mayfly_accel_up", "gauge", "1 where the accelerator host serves.",
		     statistics ? 1 : 0);
	if (!statistics)
		return;
	const struct mayfly_statistics *head = statistics->head;
	write_number(out, "mayfly_accel_worker_uptime_seconds", "gauge",
		     "How long the worker has run: counters begin anew with it.",
		     seconds(head->up_ns));
	write_number(out, "mayfly_accel_shared_memory_bytes", "gauge",
		     "Memory of resources and large messages of all tenants.",
		     (double)head->memory);
	write_number(out, "mayfly_accel_shared_memory_limit_bytes", "gauge",
		     "How much there may be of that.", (double)head->memory_limit);
	write_number(out, "mayfly_accel_uncounted_ops_total", "counter",
		     "Ops of tenants and models for which there was no room in the list.",
		     (double)head->uncounted_ops);
	write_ops(out, statistics);
	write_tenants(out, statistics);
	write_models(out, statistics);
}
