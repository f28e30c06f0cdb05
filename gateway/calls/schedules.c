#include "calls/schedules.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "calls/calls.h"
#include "calls/errand.h"
#include "cron/cron.h"
#include "link/fields.h"
#include "util/clock.h"
#include "util/hash.h"
#include "util/hex.h"
#include "util/log.h"

/* Finding out when a function was called last, or calling it. */
struct scheduling {
	struct background_job job;
	struct supervisor *supervisor;
	char *name_space, *name, *schedule;
	uint64_t due_s; /* 0: it is only to be found out when it was called last */
	uint64_t last_s;
	int result;
	struct error error;
};

static void free_scheduling(struct scheduling *self)
{
	free(self->name_space);
	free(self->name);
	free(self->schedule);
	free(self);
}

/* A UUID (version 8) that is the same for the same time of the same function: so it is not called twice for it,
 * however often the gateway ends in between. */
static int make_id(const struct scheduling *self, char id[HEX_UUID_SIZE])
{
	char text[1024];
	uint8_t digest[HASH_SIZE];
	snprintf(text, sizeof(text), "%s/%s/%lu", self->name_space, self->name, self->due_s);
	if (hash_bytes(text, strlen(text), digest, NULL))
		return -EIO;
	hex_print_uuid(id, digest, 8);
	return 0;
}

static int add_call(struct scheduling *self)
{
	char id[HEX_UUID_SIZE];
	cleanup_record struct record head = RECORD_EMPTY;
	int result = make_id(self, id);
	if (result)
		return result;
	record_add_text(&head, FIELD_METHOD, "POST");
	record_add_text(&head, FIELD_NAME, self->name);
	record_add_text(&head, FIELD_NAMESPACE, self->name_space);
	record_add_text(&head, FIELD_PATH, "");
	record_add_pair(&head, FIELD_HEADER, "X-Mayfly-Schedule", self->schedule);
	record_add_text(&head, FIELD_CALL_ID, id);
	if (head.result)
		return head.result;
	const struct store_call call = {
	    .id = id,
	    .name_space = self->name_space,
	    .name = self->name,
	    .head = head,
	    .due_ns = clock_real_ns(),
	};
	result = store_call_add(self->supervisor->store, &call, &self->error);
	return result == -EEXIST ? 0 : result;
}

static void work(struct background_job *job)
{
	struct scheduling *self = (struct scheduling *)job;
	struct store *store = self->supervisor->store;
	if (!self->due_s) {
		self->result = store_schedule_get(store, self->name_space, self->name,
						  &self->last_s, &self->error);
		return;
	}
	self->result = add_call(self);
	self->last_s = self->due_s;
	if (!self->result)
		self->result = store_schedule_set(store, self->name_space, self->name, self->last_s,
						  &self->error);
}

static void finish(struct background_job *job)
{
	struct scheduling *self = (struct scheduling *)job;
	struct deployed *deployed =
	    functions_find(&self->supervisor->functions, self->name_space, self->name);
	const uint64_t now_s = (uint64_t)time(NULL);
	struct cron cron;
	if (self->result && self->result != -ENOENT)
		log_error("schedule of %s.%s: %s", self->name, self->name_space, self->error.text);
	if (!self->result && self->due_s)
		calls_note_new(self->supervisor);
	if (deployed) {
		deployed->scheduling = false;
		uint64_t after_s = self->last_s ? self->last_s : deployed->created_s;
		/* Of times that were missed, the last one is made up for. */
		if (self->due_s && after_s < now_s)
			after_s = now_s;
		if (!cron_parse(&cron, self->schedule, NULL))
			deployed->next_s = self->result ? now_s + 60 : cron_next(&cron, after_s);
	}
	free_scheduling(self);
}

static void begin(struct supervisor *supervisor, struct deployed *deployed, const char *schedule)
{
	struct scheduling *self = calloc(1, sizeof(*self));
	if (!self)
		return;
	*self = (struct scheduling){
	    .job = {.work = work, .finished = finish},
	    .supervisor = supervisor,
	    .name_space = strdup(deployed->name_space),
	    .name = strdup(deployed->name),
	    .schedule = strdup(schedule),
	    .due_s = deployed->next_s,
	};
	if (!self->name_space || !self->name || !self->schedule) {
		free_scheduling(self);
		return;
	}
	deployed->scheduling = true;
	background_add(supervisor->background, BACKGROUND_QUICK, &self->job);
}

void schedules_tick(struct supervisor *supervisor)
{
	const uint64_t now_s = (uint64_t)time(NULL);
	size_t chain = 0;
	struct deployed *next = NULL, *deployed;
	while ((deployed = functions_next(&supervisor->functions, &chain, &next))) {
		const char *schedule =
		    deployed->current ? revision_description(deployed->current)->schedule : NULL;
		if (schedule && !deployed->scheduling && deployed->next_s <= now_s)
			begin(supervisor, deployed, schedule);
	}
}
