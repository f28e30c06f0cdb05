/* What a deployment's fields mean; see deployment.h. */
#include "gateway/images/deployment.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "channel/channel.h"
#include "gateway/cron/cron.h"
#include "gateway/images/command_line.h"
#include "gateway/images/quantities.h"
#include "gateway/link/fields.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"

#define TIMEOUT_MAX_NS (7ULL * 86400 * 1000000000ULL) /* as libmayfly has it */
#define MEMORY_LEAST   (1UL << 20)		      /* as mayfly-monitor has it */
#define QUEUE_MAX      1000000
#define IMAGE_NAME_MAX 4096

/* What is read of a deployment before all of it is known. */
struct reading {
	struct deployment *deployment;
	bool minimum_said, maximum_said, timeout_said;
	bool zero_said, zero; /* com.openfaas.scale.zero */
	bool by_cron;	      /* the cron connector of OpenFaaS is to call it */
	bool idle_said;	      /* mayfly.dev/idle, which counts more than a label */
};

/* ── one field each ──────────────────────────────────────────────────────────────────────────── */

static int read_memory(struct reading *reading, const char *text, struct error *error)
{
	struct sysinfo machine;
	uint64_t *memory = &reading->deployment->memory;
	int result = quantity_units(text, memory, error);
	if (result)
		return result;
	if (*memory < MEMORY_LEAST)
		return error_set(error, EINVAL,
				 "%s is less than the 1Mi that a function needs; a number alone is "
				 "bytes",
				 text);
	if (sysinfo(&machine))
		return 0;
	const uint64_t there = (uint64_t)machine.totalram * machine.mem_unit;
	if (*memory > there)
		return error_set(error, EINVAL, "%s is more than this machine has (%" PRIu64 "Mi)",
				 text, there >> 20);
	return 0;
}

static int read_cpu(struct reading *reading, const char *text, struct error *error)
{
	unsigned __int128 thousandths;
	const long processors = sysconf(_SC_NPROCESSORS_ONLN);
	int result = quantity_of(text, &thousandths, error);
	if (result)
		return result;
	if (!thousandths)
		return error_set(error, EINVAL, "a function needs a processor, not %s", text);
	if (processors > 0 && thousandths > (unsigned __int128)processors * 1000)
		return error_set(error, EINVAL,
				 "%s is more than the %ld processors of this machine", text,
				 processors);
	reading->deployment->cpus = (uint64_t)thousandths;
	return 0;
}

/* What is only looked at: requests, and labels that steer other schedulers. */
static int check_quantity(struct reading *reading, const char *text, struct error *error)
{
	unsigned __int128 thousandths;
	(void)reading;
	return quantity_of(text, &thousandths, error);
}

static int read_number(const char *text, unsigned least, unsigned most, unsigned *number,
		       struct error *error)
{
	uint64_t whole;
	int result = quantity_whole(text, least, most, &whole, error);
	if (!result)
		*number = (unsigned)whole;
	return result;
}

static int read_minimum(struct reading *reading, const char *text, struct error *error)
{
	reading->minimum_said = true;
	return read_number(text, 0, CHANNEL_SLOTS_MAX, &reading->deployment->minimum, error);
}

static int read_maximum(struct reading *reading, const char *text, struct error *error)
{
	/* An annotation has said it: it comes first in the table. */
	unsigned label;
	unsigned *maximum = reading->maximum_said ? &label : &reading->deployment->maximum;
	reading->maximum_said = true;
	return read_number(text, 1, CHANNEL_SLOTS_MAX, maximum, error);
}

static int check_percent(struct reading *reading, const char *text, struct error *error)
{
	uint64_t percent;
	(void)reading;
	return quantity_whole(text, 1, 100, &percent, error);
}

static int read_zero(struct reading *reading, const char *text, struct error *error)
{
	reading->zero_said = true;
	return quantity_truth(text, &reading->zero, error);
}

static int read_span(const char *text, uint64_t most, uint64_t *nanoseconds, struct error *error)
{
	int result = quantity_duration(text, nanoseconds, error);
	if (result)
		return result;
	if (!*nanoseconds || *nanoseconds > most)
		return error_set(error, EINVAL, "%s is not within 1ns and %luh", text,
				 most / 3600000000000UL);
	return 0;
}

static int read_idle(struct reading *reading, const char *text, struct error *error)
{
	reading->idle_said = true;
	if (!strcmp(text, "never") || !strcmp(text, "0")) {
		reading->deployment->idle_ns = 0;
		return 0;
	}
	return read_span(text, TIMEOUT_MAX_NS, &reading->deployment->idle_ns, error);
}

static int read_zero_duration(struct reading *reading, const char *text, struct error *error)
{
	uint64_t label;
	uint64_t *idle_ns = reading->idle_said ? &label : &reading->deployment->idle_ns;
	return read_span(text, TIMEOUT_MAX_NS, idle_ns, error);
}

static int read_timeout(struct reading *reading, const char *text, struct error *error)
{
	reading->timeout_said = true;
	return read_span(text, TIMEOUT_MAX_NS, &reading->deployment->timeout_ns, error);
}

/* A variable of OpenFaaS' watchdogs, which the program gets as well; 0 there is no limit. */
static int read_watchdog_timeout(struct reading *reading, const char *text, struct error *error)
{
	uint64_t nanoseconds;
	int result = quantity_duration(text, &nanoseconds, error);
	if (result || reading->timeout_said)
		return result;
	if (!nanoseconds || nanoseconds > TIMEOUT_MAX_NS)
		nanoseconds = TIMEOUT_MAX_NS;
	reading->deployment->timeout_ns = nanoseconds;
	return 0;
}

static int read_contract(struct reading *reading, const char *text, struct error *error)
{
	if (!strcmp(text, "auto"))
		return 0;
	reading->deployment->contract_text = text;
	if (contract_find(text, &reading->deployment->contract))
		return error_set(error, EINVAL, "'%s' is no contract: it is stdio, handler or http",
				 text);
	return 0;
}

static int read_isolation(struct reading *reading, const char *text, struct error *error)
{
	reading->deployment->isolation = text;
	if (strcmp(text, "auto") != 0 && strcmp(text, "kvm") != 0 && strcmp(text, "process") != 0)
		return error_set(error, EINVAL, "'%s' is no isolation: it is auto, kvm or process",
				 text);
	return 0;
}

static int read_queue(struct reading *reading, const char *text, struct error *error)
{
	return read_number(text, 0, QUEUE_MAX, &reading->deployment->queue, error);
}

static int read_port(struct reading *reading, const char *text, struct error *error)
{
	return read_number(text, 1, UINT16_MAX, &reading->deployment->port, error);
}

static int read_reuse(struct reading *reading, const char *text, struct error *error)
{
	return read_number(text, 1, UINT_MAX, &reading->deployment->reuse, error);
}

static int read_split(struct reading *reading, const char *text, struct error *error)
{
	return read_number(text, 0, 100, &reading->deployment->split, error);
}

static int read_acceleration(struct reading *reading, const char *text, struct error *error)
{
	bool wanted = true;
	int result = strcmp(text, "auto") ? quantity_truth(text, &wanted, error) : 0;
	reading->deployment->no_acceleration = !wanted;
	return result;
}

static int read_stream(struct reading *reading, const char *text, struct error *error)
{
	return quantity_truth(text, &reading->deployment->stream, error);
}

static int read_fresh(struct reading *reading, const char *text, struct error *error)
{
	return quantity_truth(text, &reading->deployment->fresh, error);
}

static int read_schedule(struct reading *reading, const char *text, struct error *error)
{
	struct cron cron;
	reading->deployment->schedule = text;
	return cron_parse(&cron, text, error);
}

/* The annotations of OpenFaaS' cron connector: a topic, and the times. */
static int read_topic(struct reading *reading, const char *text, struct error *error)
{
	reading->by_cron = strstr(text, "cron-function");
	return 0;
}

static int read_cron_schedule(struct reading *reading, const char *text, struct error *error)
{
	return reading->by_cron && !reading->deployment->schedule
		   ? read_schedule(reading, text, error)
		   : 0;
}

static int read_warm_up(struct reading *reading, const char *text, struct error *error)
{
	reading->deployment->warm_up = text;
	return *text ? 0 : error_set(error, EINVAL, "there is nothing in it");
}

/* ── the table ───────────────────────────────────────────────────────────────────────────────── */

#define OUR_ANNOTATION "mayfly.dev/"
#define SCALE_LABEL    "com.openfaas.scale."

/* Read in this order, whatever the order in the record: what counts more comes first. docs/gateway.md has
 * the same table for people. Keys that are not here mean nothing, and are kept. */
static const struct deployment_field {
	uint16_t tag;
	const char *key;
	int (*read)(struct reading *reading, const char *text, struct error *error);
} fields[] = {
    {FIELD_LIMIT, "memory", read_memory},
    {FIELD_LIMIT, "cpu", read_cpu},
    {FIELD_REQUEST, "memory", check_quantity},
    {FIELD_REQUEST, "cpu", check_quantity},
    {FIELD_ANNOTATION, OUR_ANNOTATION "contract", read_contract},
    {FIELD_ANNOTATION, OUR_ANNOTATION "isolation", read_isolation},
    {FIELD_ANNOTATION, OUR_ANNOTATION "timeout", read_timeout},
    {FIELD_ANNOTATION, OUR_ANNOTATION "concurrency", read_maximum},
    {FIELD_ANNOTATION, OUR_ANNOTATION "queue", read_queue},
    {FIELD_ANNOTATION, OUR_ANNOTATION "port", read_port},
    {FIELD_ANNOTATION, OUR_ANNOTATION "accel", read_acceleration},
    {FIELD_ANNOTATION, OUR_ANNOTATION "stream", read_stream},
    {FIELD_ANNOTATION, OUR_ANNOTATION "fresh", read_fresh},
    {FIELD_ANNOTATION, OUR_ANNOTATION "reuse", read_reuse},
    {FIELD_ANNOTATION, OUR_ANNOTATION "idle", read_idle},
    {FIELD_ANNOTATION, OUR_ANNOTATION "schedule", read_schedule},
    {FIELD_ANNOTATION, "topic", read_topic},
    {FIELD_ANNOTATION, "schedule", read_cron_schedule},
    {FIELD_ANNOTATION, OUR_ANNOTATION "warm-up", read_warm_up},
    {FIELD_ANNOTATION, OUR_ANNOTATION "split", read_split},
    {FIELD_LABEL, SCALE_LABEL "min", read_minimum},
    {FIELD_LABEL, SCALE_LABEL "max", read_maximum},
    {FIELD_LABEL, SCALE_LABEL "factor", check_percent},
    {FIELD_LABEL, SCALE_LABEL "target", check_quantity},
    {FIELD_LABEL, SCALE_LABEL "zero", read_zero},
    {FIELD_LABEL, SCALE_LABEL "zero-duration", read_zero_duration},
    {FIELD_ENVIRONMENT, "exec_timeout", read_watchdog_timeout},
};

/* What people call a field. */
static const char *group_name(uint16_t tag)
{
	switch (tag) {
	case FIELD_LIMIT:
		return "limits.";
	case FIELD_REQUEST:
		return "requests.";
	case FIELD_LABEL:
		return "labels.";
	case FIELD_ANNOTATION:
		return "annotations.";
	case FIELD_ENVIRONMENT:
		return "envVars.";
	default:
		return "";
	}
}

/* The last field with that tag and key; false where there is none. */
static bool find(struct record_view record, uint16_t tag, const char *key,
		 struct record_field *found)
{
	struct record_field field;
	bool there = false;
	while (record_next(&record, &field))
		if (field.tag == tag && !strcmp(field.key, key)) {
			*found = field;
			there = true;
		}
	return there;
}

static int read_fields(struct reading *reading, struct record_view record, struct error *error)
{
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		struct record_field field;
		if (!find(record, fields[i].tag, fields[i].key, &field))
			continue;
		const char *text = record_text(&field);
		int result = text ? fields[i].read(reading, text, error)
				  : error_set(error, EINVAL, "it has a NUL within");
		if (result)
			return error_wrap(error, "%s%s", group_name(fields[i].tag), fields[i].key);
	}
	return 0;
}

/* ── the rest ────────────────────────────────────────────────────────────────────────────────── */

static int check_variable(const struct record_field *field, struct error *error)
{
	if (!*field->key || strchr(field->key, '='))
		return error_set(error, EINVAL, "envVars: '%s' is no name of a variable",
				 field->key);
	if (!record_text(field))
		return error_set(error, EINVAL, "envVars.%s: it has a NUL within", field->key);
	return 0;
}

static int read_environment(struct deployment *deployment, struct record_view record,
			    struct error *error)
{
	struct record_view rest = record;
	struct record_field field;
	size_t count = 0;
	while (record_next(&rest, &field))
		count += field.tag == FIELD_ENVIRONMENT;
	deployment->environment = calloc(count + 1, sizeof(*deployment->environment));
	if (!deployment->environment)
		return error_set(error, ENOMEM, "no memory for variables");
	count = 0;
	while (record_next(&record, &field)) {
		if (field.tag != FIELD_ENVIRONMENT)
			continue;
		int result = check_variable(&field, error);
		if (result)
			return result;
		char **variable = &deployment->environment[count++];
		if (asprintf(variable, "%s=%s", field.key, record_text(&field)) < 0) {
			*variable = NULL;
			return error_set(error, ENOMEM, "no memory for variables");
		}
	}
	return 0;
}

static int read_image(struct deployment *deployment, struct record_view record, struct error *error)
{
	deployment->image = record_find_text(record, FIELD_IMAGE, "");
	if (!*deployment->image)
		return error_set(error, EINVAL, "image: which one? There is no name");
	if (strlen(deployment->image) > IMAGE_NAME_MAX)
		return error_set(error, EINVAL, "image: its name is too long");
	const char *process = record_find_text(record, FIELD_PROCESS, "");
	if (!*process)
		return 0;
	int result = command_line_split(process, &deployment->process, error);
	return result ? error_wrap(error, "envProcess") : 0;
}

/* What follows from several fields together. */
static int conclude(const struct reading *reading, struct error *error)
{
	struct deployment *deployment = reading->deployment;
	if (!reading->maximum_said && deployment->minimum > deployment->maximum)
		deployment->maximum = deployment->minimum;
	if (deployment->minimum > deployment->maximum)
		return error_set(error, EINVAL,
				 "labels." SCALE_LABEL
				 "min: %u is more than the %u that there may be",
				 deployment->minimum, deployment->maximum);
	if (deployment->fresh && deployment->warm_up)
		return error_set(error, EINVAL,
				 "annotations." OUR_ANNOTATION
				 "warm-up: with fresh there is no snapshot to warm up");
	/* Who keeps one warm wants it to stay, unless he says otherwise. */
	const bool stays =
	    reading->zero_said ? !reading->zero : reading->minimum_said && deployment->minimum;
	if (stays && !reading->idle_said)
		deployment->idle_ns = 0;
	return 0;
}

int deployment_read(struct record_view record, struct deployment *deployment, struct error *error)
{
	struct reading reading = {.deployment = deployment};
	*deployment = (struct deployment){
	    .isolation = "auto",
	    .timeout_ns = DEPLOYMENT_TIMEOUT_NS,
	    .idle_ns = DEPLOYMENT_IDLE_NS,
	    .maximum = DEPLOYMENT_SLOTS,
	    .queue = DEPLOYMENT_QUEUE,
	    .split = 100,
	};
	if (record_check(record))
		return error_set(error, EINVAL, "the deployment is no record");
	int result = read_image(deployment, record, error);
	if (!result)
		result = read_environment(deployment, record, error);
	if (!result)
		result = read_fields(&reading, record, error);
	return result ? result : conclude(&reading, error);
}

void deployment_release(struct deployment *deployment)
{
	free(deployment->process);
	for (char **variable = deployment->environment; variable && *variable; variable++)
		free(*variable);
	free(deployment->environment);
	*deployment = (struct deployment){0};
}
