#include "trimming.h"

#include <errno.h>
#include <stdlib.h>

#include "util/clock.h"
#include "util/log.h"

#define TRIM_NS (600 * NANOSECONDS_PER_SECOND)

/* What all revisions need. */
struct trimming {
	struct background_job job;
	struct supervisor *supervisor;
	struct record *records;
	struct record_view *views;
	size_t count, room;
};

static int add_revision(void *context, struct store_revision *revision)
{
	struct trimming *self = context;
	if (self->count == self->room) {
		const size_t room = self->room ? 2 * self->room : 64;
		struct record *records = realloc(self->records, room * sizeof(*records));
		if (!records) {
			store_revision_release(revision);
			return -ENOMEM;
		}
		self->records = records;
		self->room = room;
	}
	self->records[self->count++] = revision->prepared;
	revision->prepared = RECORD_EMPTY;
	store_revision_release(revision);
	return 0;
}

static int add_function(void *context, struct store_function *function)
{
	struct trimming *self = context;
	int result = store_each_revision(self->supervisor->store, function->name_space,
					 function->name, add_revision, self, NULL);
	store_function_release(function);
	return result;
}

/* Where the list is not complete nothing may go. */
static void work(struct background_job *job)
{
	struct trimming *self = (struct trimming *)job;
	struct supervisor *supervisor = self->supervisor;
	struct error error = {0};
	int result = store_each_function(supervisor->store, add_function, self, &error);
	if (!result)
		self->views = calloc(self->count + 1, sizeof(*self->views));
	for (size_t i = 0; self->views && i < self->count; i++)
		self->views[i] = record_of(&self->records[i]);
	if (self->views)
		result = images_trim(supervisor->images, self->views, self->count, &error);
	if (result)
		log_warn("images cannot be trimmed: %s", error.text);
}

static void finish(struct background_job *job)
{
	struct trimming *self = (struct trimming *)job;
	for (size_t i = 0; i < self->count; i++)
		record_release(&self->records[i]);
	free(self->records);
	free(self->views);
	free(self);
}

void trimming_tick(struct supervisor *supervisor, uint64_t now_ns)
{
	if (now_ns - supervisor->trimmed_ns < TRIM_NS)
		return;
	struct trimming *self = calloc(1, sizeof(*self));
	if (!self)
		return;
	supervisor->trimmed_ns = now_ns;
	*self =
	    (struct trimming){.job = {.work = work, .finished = finish}, .supervisor = supervisor};
	background_add(supervisor->background, BACKGROUND_SLOW, &self->job);
}
