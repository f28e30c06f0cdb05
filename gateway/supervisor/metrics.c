/* Prometheus' text: what OpenFaaS' gateway has, by the same names, and what is Mayfly's own. */
#include "supervisor/metrics.h"

#include <stdio.h>
#include <stdlib.h>

#include "supervisor/peer.h"
#include "util/clock.h"

/* "fn.ns" of each function, as label. Names have no characters that would have to be escaped. */
static void print_label(char *out, size_t size, const struct deployed *deployed)
{
	snprintf(out, size, "function_name=\"%s.%s\"", deployed->name, deployed->name_space);
}

static void print_header(FILE *out, const char *name, const char *type, const char *help)
{
	fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

typedef void print_one(FILE *out, const char *name, const char *label,
		       const struct deployed *deployed);

static void print_each(FILE *out, struct supervisor *self, const char *name, const char *type,
		       const char *help, print_one *print)
{
	char label[512];
	size_t chain = 0;
	struct deployed *next = NULL, *deployed;
	print_header(out, name, type, help);
	while ((deployed = functions_next(&self->functions, &chain, &next))) {
		print_label(label, sizeof(label), deployed);
		print(out, name, label, deployed);
	}
}

static void print_seconds(FILE *out, const char *name, const char *label,
			  const struct deployed *deployed)
{
	char labels[600];
	for (const struct code_count *code = deployed->codes; code; code = code->next) {
		snprintf(labels, sizeof(labels), "%s,code=\"%u\"", label, code->code);
		histogram_print(&code->seconds, out, name, labels);
	}
}

static void print_total(FILE *out, const char *name, const char *label,
			const struct deployed *deployed)
{
	for (const struct code_count *code = deployed->codes; code; code = code->next)
		fprintf(out, "%s{%s,code=\"%u\"} %lu\n", name, label, code->code,
			code->seconds.count);
}

static void print_started(FILE *out, const char *name, const char *label,
			  const struct deployed *deployed)
{
	fprintf(out, "%s{%s} %lu\n", name, label, deployed->started);
}

static struct revision_figures figures_of(const struct deployed *deployed)
{
	struct revision_figures figures = {.failure = "", .isolation = "", .way = ""};
	if (deployed->current)
		revision_figures(deployed->current, &figures);
	return figures;
}

static void print_replicas(FILE *out, const char *name, const char *label,
			   const struct deployed *deployed)
{
	fprintf(out, "%s{%s} %u\n", name, label, figures_of(deployed).slots_open);
}

static void print_idle(FILE *out, const char *name, const char *label,
		       const struct deployed *deployed)
{
	fprintf(out, "%s{%s} %u\n", name, label, figures_of(deployed).slots_idle);
}

static void print_waiting(FILE *out, const char *name, const char *label,
			  const struct deployed *deployed)
{
	fprintf(out, "%s{%s} %lu\n", name, label, figures_of(deployed).waiting);
}

static void print_reused(FILE *out, const char *name, const char *label,
			 const struct deployed *deployed)
{
	fprintf(out, "%s{%s} %lu\n", name, label, deployed->reused);
}

static void print_deaths(FILE *out, const char *name, const char *label,
			 const struct deployed *deployed)
{
	fprintf(out, "%s{%s} %lu\n", name, label, figures_of(deployed).deaths);
}

static void print_cold_start(FILE *out, const char *name, const char *label,
			     const struct deployed *deployed)
{
	histogram_print(&deployed->cold_start, out, name, label);
}

static void print_clone(FILE *out, const char *name, const char *label,
			const struct deployed *deployed)
{
	histogram_print(&deployed->clone, out, name, label);
}

static void print_queue(FILE *out, const char *name, const char *label,
			const struct deployed *deployed)
{
	histogram_print(&deployed->queue, out, name, label);
}

static void print_op(FILE *out, const char *name, const char *label,
		     const struct deployed *deployed)
{
	histogram_print(&deployed->op, out, name, label);
}

static const struct {
	const char *name, *type, *help;
	print_one *print;
} by_function[] = {
    {"gateway_functions_seconds", "histogram", "Time of requests, by function and status",
     print_seconds},
    {"gateway_function_invocation_total", "counter", "Requests that were answered", print_total},
    {"gateway_function_invocation_started", "counter", "Requests that came", print_started},
    {"gateway_service_count", "gauge", "Machines of a function that are there", print_replicas},
    {"mayfly_function_slots_idle", "gauge", "Machines that wait for a request", print_idle},
    {"mayfly_function_queue_length", "gauge", "Requests that wait for a machine", print_waiting},
    {"mayfly_function_reused_total", "counter",
     "Requests in a machine that had served others before", print_reused},
    {"mayfly_function_monitor_deaths_total", "counter", "Monitors that ended by themselves",
     print_deaths},
    {"mayfly_function_cold_start_seconds", "histogram",
     "From the request that woke a function "
     "until it was ready",
     print_cold_start},
    {"mayfly_function_clone_seconds", "histogram", "Making the machine of a request", print_clone},
    {"mayfly_function_queue_seconds", "histogram", "Waiting for a machine", print_queue},
    {"mayfly_function_op_seconds", "histogram", "Accelerated work of a request", print_op},
};

static void print_one_number(FILE *out, const char *name, const char *type, const char *help,
			     uint64_t number)
{
	print_header(out, name, type, help);
	fprintf(out, "%s %lu\n", name, number);
}

char *metrics_print(struct supervisor *self, size_t *length)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, length);
	if (!out)
		return NULL;
	for (size_t i = 0; i < sizeof(by_function) / sizeof(by_function[0]); i++)
		print_each(out, self, by_function[i].name, by_function[i].type, by_function[i].help,
			   by_function[i].print);
	print_one_number(out, "mayfly_functions", "gauge", "Functions that are deployed",
			 self->functions.count);
	print_one_number(out, "mayfly_requests_in_flight", "gauge", "Requests and commands",
			 self->calls_in_flight);
	print_one_number(out, "mayfly_http_worker_deaths_total", "counter",
			 "HTTP workers that ended and were replaced", self->worker_deaths);
	print_one_number(out, "mayfly_response_bytes", "gauge", "Memory of responses on their way",
			 self->peer ? arena_used(self->peer->arena) : 0);
	if (fclose(out)) {
		free(text);
		return NULL;
	}
	return text;
}
