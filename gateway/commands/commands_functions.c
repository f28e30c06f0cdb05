/* Commands on functions that are there: list, status, scale, alerts. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands/commands.h"
#include "link/fields.h"

#define FACTOR_USUAL 10

static const char *state_word(const struct revision_figures *figures)
{
	static const char *const words[] = {[REVISION_ZERO] = "zero",
					    [REVISION_STARTING] = "starting",
					    [REVISION_READY] = "ready",
					    [REVISION_ENDING] = "ending"};
	return *figures->failure && figures->state != REVISION_READY ? "failed"
								     : words[figures->state];
}

static void add_fields(struct record *out, struct record_view from)
{
	struct record_field field;
	while (record_next(&from, &field))
		record_add(out, field.tag, field.key, strlen(field.key), field.value, field.length);
}

/* Of the monitor, with what it shares. 0 where there is none. */
static uint64_t read_memory(int process)
{
	char path[64], text[128];
	unsigned long size = 0, resident = 0;
	snprintf(path, sizeof(path), "/proc/%d/statm", process);
	FILE *file = process ? fopen(path, "re") : NULL;
	if (!file)
		return 0;
	if (!fgets(text, sizeof(text), file) || sscanf(text, "%lu %lu", &size, &resident) != 2)
		resident = 0;
	fclose(file);
	return resident * 4096;
}

/* Of one that is to take over, while the current one goes on. */
static void add_state(struct record *function, const struct deployed *deployed,
		      const struct revision_figures *current)
{
	struct revision_figures coming = {.failure = ""};
	if (deployed->coming)
		revision_figures(deployed->coming, &coming);
	if (!deployed->current) {
		record_add_text(function, FIELD_STATE, deployed->failure ? "failed" : "updating");
		record_add_text(function, FIELD_REASON, deployed->failure);
		return;
	}
	const bool failed = *coming.failure && coming.state != REVISION_READY;
	const char *reason = failed ? coming.failure : current->failure;
	if (deployed->coming && !failed)
		record_add_text(function, FIELD_STATE, "updating");
	else
		record_add_text(function, FIELD_STATE, failed ? "failed" : state_word(current));
	if (*reason)
		record_add_text(function, FIELD_REASON, reason);
}

static void describe(struct record *out, const struct deployed *deployed, bool usage)
{
	struct record function = RECORD_EMPTY;
	struct revision_figures figures = {.failure = "", .isolation = "", .way = ""};
	if (deployed->current)
		revision_figures(deployed->current, &figures);
	const bool ready = figures.state == REVISION_READY;
	const uint64_t slots = figures.slots_open ? figures.slots_open : ready;
	record_add_text(&function, FIELD_NAME, deployed->name);
	record_add_text(&function, FIELD_NAMESPACE, deployed->name_space);
	add_fields(&function, record_of(&deployed->deployment));
	record_add_number(&function, FIELD_INVOCATIONS, deployed->invocations);
	record_add_number(&function, FIELD_REPLICAS,
			  figures.state == REVISION_STARTING ? 1 : slots);
	record_add_number(&function, FIELD_AVAILABLE, ready ? slots : 0);
	record_add_number(&function, FIELD_CREATED, deployed->created_s);
	record_add_number(&function, FIELD_REVISION, figures.number);
	add_state(&function, deployed, &figures);
	if (*figures.isolation)
		record_add_text(&function, FIELD_ISOLATION, figures.isolation);
	if (*figures.way)
		record_add_text(&function, FIELD_WAY, figures.way);
	if (deployed->current && revision_description(deployed->current)->reuse > 1)
		record_add_number(&function, FIELD_REUSE,
				  revision_description(deployed->current)->reuse);
	record_add_text(&function, FIELD_DIGEST,
			record_find_text(record_of(&deployed->prepared), FIELD_DIGEST, NULL));
	record_add_text(&function, FIELD_CONTRACT,
			record_find_text(record_of(&deployed->prepared), FIELD_CONTRACT, NULL));
	if (usage)
		record_add_number(&function, FIELD_MEMORY, read_memory(figures.monitor));
	record_add_record(out, FIELD_FUNCTION, &function);
	record_release(&function);
}

void command_list(struct call *call)
{
	const struct functions *functions = &call->peer->supervisor->functions;
	const char *name_space = command_name_space_in(call->head);
	struct record answer = RECORD_EMPTY;
	size_t chain = 0;
	struct deployed *next = NULL, *deployed;
	record_add_number(&answer, FIELD_CODE, 200);
	while ((deployed = functions_next(functions, &chain, &next)))
		if (!strcmp(deployed->name_space, name_space))
			describe(&answer, deployed, false);
	call_answer(call, &answer);
}

void command_status_of(struct call *call)
{
	struct deployed *deployed = command_find(call);
	if (!deployed)
		return;
	struct record answer = RECORD_EMPTY;
	record_add_number(&answer, FIELD_CODE, 200);
	describe(&answer, deployed, true);
	call_answer(call, &answer);
}

/* ── scaling ─────────────────────────────────────────────────────────────────────────────────── */

static int keep_scale(struct supervisor *self, struct record_view head, struct record *answer,
		      struct error *error)
{
	return store_scale(self->store, command_name_space_in(head), command_name_in(head),
			   record_find_number(head, FIELD_REPLICAS, 0), error);
}

static void set_scale(struct call *call)
{
	struct deployed *deployed = functions_find(&call->peer->supervisor->functions,
						   command_name_space(call), command_name(call));
	if (!deployed || !deployed->current)
		return;
	deployed->replicas = record_find_number(call->head, FIELD_REPLICAS, 0);
	deployed->alerted = 0;
	revision_set_minimum(deployed->current, (unsigned)deployed->replicas);
	if (!deployed->replicas)
		revision_rest(deployed->current);
}

void command_scale(struct call *call)
{
	static const struct command_work work = {keep_scale, set_scale, 202};
	const struct deployed *deployed = command_find(call);
	if (!deployed)
		return;
	const unsigned maximum =
	    deployed->current ? revision_description(deployed->current)->maximum : 0;
	if (record_find_number(call->head, FIELD_REPLICAS, 0) > maximum) {
		char text[128];
		snprintf(text, sizeof(text), "replicas: %s has %u slots at most", deployed->name,
			 maximum);
		command_answer(call, 400, text);
		return;
	}
	command_do(call, &work);
}

/* Percent of the maximum: the label com.openfaas.scale.factor, which was checked. */
static uint64_t find_factor(const struct deployed *deployed)
{
	struct record_view left = record_of(&deployed->deployment);
	struct record_field field;
	while (record_next(&left, &field))
		if (field.tag == FIELD_LABEL && !strcmp(field.key, "com.openfaas.scale.factor"))
			return strtoul((const char *)field.value, NULL, 10);
	return FACTOR_USUAL;
}

/* As the OpenFaaS gateway: a firing alert adds a share of the maximum, a resolved one takes all back. */
static void alert(struct deployed *deployed, bool firing)
{
	const struct image_description *description = revision_description(deployed->current);
	const unsigned step = (unsigned)((description->maximum * find_factor(deployed) + 99) / 100);
	const uint64_t least =
	    deployed->replicas == UINT64_MAX ? description->minimum : deployed->replicas;
	deployed->alerted = firing ? deployed->alerted + step : 0;
	if (deployed->alerted > description->maximum)
		deployed->alerted = description->maximum;
	revision_set_minimum(deployed->current, (unsigned)least + deployed->alerted);
}

void command_alert(struct call *call)
{
	struct record_view left = call->head;
	struct record_field field;
	while (record_next(&left, &field)) {
		if (field.tag != FIELD_FUNCTION || record_check(record_within(&field)))
			continue;
		const struct record_view one = record_within(&field);
		struct deployed *deployed =
		    functions_find(&call->peer->supervisor->functions, command_name_space_in(one),
				   command_name_in(one));
		if (deployed && deployed->current)
			alert(deployed, record_find_number(one, FIELD_FIRING, 0));
	}
	command_answer(call, 200, "");
}
