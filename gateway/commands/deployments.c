#include "commands/deployments.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "commands/commands.h"
#include "link/fields.h"
#include "supervisor/logs.h"
#include "util/cleanup.h"
#include "util/log.h"

/* Whose a revision is: the function may have been removed when the revision tells something. */
struct home {
	struct supervisor *supervisor;
	char *name_space, *name;
	uint64_t number;
	struct secrets *secrets; /* of a program without a snapshot; NULL: none */
};

static void release_home(struct home *home)
{
	secrets_free(home->secrets);
	free(home->name_space);
	free(home->name);
	free(home);
}

static struct home *make_home(struct supervisor *self, const struct store_revision *revision)
{
	struct home *home = calloc(1, sizeof(*home));
	if (!home)
		return NULL;
	*home = (struct home){.supervisor = self,
			      .name_space = strdup(revision->name_space),
			      .name = strdup(revision->name),
			      .number = revision->number};
	if (!home->name_space || !home->name) {
		release_home(home);
		return NULL;
	}
	return home;
}

/* ── what revisions tell ─────────────────────────────────────────────────────────────────────── */

/* The one that was waiting for this takes over. */
static void promote(struct deployed *deployed)
{
	struct revision *before = deployed->current;
	deployed->current = deployed->coming;
	deployed->coming = NULL;
	if (before)
		revision_retire(before);
}

static void note_started(void *context, struct revision *revision, const char *failure)
{
	struct home *home = context;
	struct deployed *deployed =
	    functions_find(&home->supervisor->functions, home->name_space, home->name);
	struct revision_figures figures;
	if (failure)
		log_warn("%s.%s does not start: %s", home->name, home->name_space, failure);
	if (!deployed)
		return;
	revision_figures(revision, &figures);
	if (!failure)
		histogram_add(&deployed->cold_start, figures.last_start_ns);
	/* Requests find out for themselves where the new one fails. */
	if (deployed->coming == revision)
		promote(deployed);
}

static void note_retired(void *context, struct revision *revision)
{
	struct home *home = context;
	struct supervisor *self = home->supervisor;
	self->revisions--;
	release_home(home);
	if (self->stopping && !self->revisions && !self->worker_watch)
		event_loop_stop(self->loop);
}

static int open_log(void *context, struct revision *revision)
{
	struct home *home = context;
	return logs_open(home->supervisor->logs, home->name_space, home->name, home->number);
}

/* ── coming ──────────────────────────────────────────────────────────────────────────────────── */

/* Only the current revision is left. */
static void unsplit(struct deployed *deployed)
{
	if (deployed->other)
		revision_retire(deployed->other);
	deployed->other = NULL;
	deployed->percent = 0;
}

static void place(struct deployed *deployed, struct revision *opened, unsigned percent)
{
	if (percent < 100 && deployed->current) {
		if (deployed->other)
			revision_retire(deployed->other);
		deployed->other = opened;
		deployed->percent = percent;
		return;
	}
	unsplit(deployed);
	if (deployed->coming)
		revision_retire(deployed->coming);
	deployed->coming = opened;
	if (!deployed->current)
		promote(deployed);
}

static void take_records(struct deployed *deployed, struct store_revision *revision)
{
	record_release(&deployed->deployment);
	record_release(&deployed->prepared);
	deployed->next_s = 0; /* it may have another schedule now */
	deployed->deployment = revision->deployment;
	deployed->prepared = revision->prepared;
	revision->deployment = revision->prepared = RECORD_EMPTY;
}

int deployment_install(struct supervisor *self, struct store_revision *revision,
		       struct image_description *description, struct secrets **secrets,
		       unsigned percent, struct error *error)
{
	struct home *home = make_home(self, revision);
	if (!home)
		return error_set(error, ENOMEM, "no memory for a function");
	struct deployed *deployed =
	    functions_find(&self->functions, revision->name_space, revision->name);
	const bool is_new = !deployed;
	if (is_new)
		deployed = functions_add(&self->functions, revision->name_space, revision->name);
	if (!deployed) {
		release_home(home);
		return error_set(error, ENOMEM, "no memory for a function");
	}
	/* A snapshot has them already. */
	if (!description->frozen)
		home->secrets = take_pointer(*secrets);
	const struct revision_owner owner = {.files = home->secrets ? home->secrets->files : NULL,
					     .file_count = home->secrets ? home->secrets->count : 0,
					     .started = note_started,
					     .retired = note_retired,
					     .open_log = open_log,
					     .context = home};
	struct revision *opened = NULL;
	int result =
	    revision_open(&opened, self->loop, revision->number, description, &owner, error);
	if (result) {
		release_home(home);
		if (is_new)
			functions_remove(&self->functions, deployed);
		return result;
	}
	self->revisions++;
	if (is_new)
		deployed->created_s = revision->created_s;
	if (percent >= 100 || !deployed->current)
		take_records(deployed, revision);
	deployed_note_failure(deployed, NULL);
	place(deployed, opened, percent);
	if (deployed->replicas != UINT64_MAX)
		revision_set_minimum(opened, (unsigned)deployed->replicas);
	return 0;
}

/* ── going ───────────────────────────────────────────────────────────────────────────────────── */

static void retire_all(struct deployed *deployed)
{
	struct revision **const all[] = {&deployed->current, &deployed->other, &deployed->coming};
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (*all[i])
			revision_retire(*all[i]);
		*all[i] = NULL;
	}
}

void deployment_remove(struct supervisor *self, struct deployed *deployed)
{
	retire_all(deployed);
	logs_forget(self->logs, deployed->name_space, deployed->name);
	functions_remove(&self->functions, deployed);
}

void deployments_end(struct supervisor *self)
{
	size_t chain = 0;
	struct deployed *next = NULL, *deployed;
	while ((deployed = functions_next(&self->functions, &chain, &next)))
		retire_all(deployed);
}

void deployments_tick(struct supervisor *self, uint64_t now_ns)
{
	size_t chain = 0;
	struct deployed *next = NULL, *deployed;
	while ((deployed = functions_next(&self->functions, &chain, &next))) {
		if (deployed->current)
			revision_tick(deployed->current, now_ns, self->pressed);
		if (deployed->other)
			revision_tick(deployed->other, now_ns, self->pressed);
	}
}

static int copy_fields(struct record *out, struct record_view from)
{
	struct record_field field;
	record_release(out);
	*out = RECORD_EMPTY;
	while (record_next(&from, &field))
		record_add(out, field.tag, field.key, strlen(field.key), field.value, field.length);
	return out->result;
}

int deployment_await(struct supervisor *self, const struct store_revision *revision,
		     const char *failure)
{
	struct deployed *deployed =
	    functions_find(&self->functions, revision->name_space, revision->name);
	if (!deployed)
		deployed = functions_add(&self->functions, revision->name_space, revision->name);
	if (!deployed)
		return -ENOMEM;
	deployed_note_failure(deployed, failure);
	return copy_fields(&deployed->deployment, record_of(&revision->deployment));
}

/* ── from the store ──────────────────────────────────────────────────────────────────────────── */

struct loading {
	struct supervisor *self;
	struct store_function *function;
};

static int load_revision(void *context, struct store_revision *revision)
{
	struct loading *loading = context;
	struct supervisor *self = loading->self;
	const struct store_function *function = loading->function;
	const bool is_other = revision->number == function->other;
	struct image_description description = {0};
	struct secrets *secrets = NULL;
	struct error error;
	int result = 0;
	if (revision->number == function->current || is_other) {
		result = images_describe(self->images, record_of(&revision->deployment),
					 record_of(&revision->prepared), &description, &error);
		/* A snapshot has them in it. */
		if (!result && !description.frozen)
			result = secrets_read(&secrets, self->store, revision->name_space,
					      record_of(&revision->deployment), &error);
		if (!result)
			result = deployment_install(self, revision, &description, &secrets,
						    is_other ? function->percent : 100, &error);
		if (result == -ESTALE && !is_other) {
			log_info("%s.%s: %s", revision->name, revision->name_space, error.text);
			result = deployment_await(self, revision, NULL);
			if (!result)
				result = deploy_again(self, revision, &error);
		}
		if (result) {
			log_error("%s.%s: %s; deploy it again", revision->name,
				  revision->name_space, error.text);
			if (!is_other)
				deployment_await(self, revision, error.text);
		}
	}
	secrets_free(secrets);
	image_description_release(&description);
	store_revision_release(revision);
	return 0;
}

static int load_function(void *context, struct store_function *function)
{
	struct supervisor *self = context;
	struct loading loading = {self, function};
	struct error error;
	int result = store_each_revision(self->store, function->name_space, function->name,
					 load_revision, &loading, &error);
	struct deployed *deployed =
	    functions_find(&self->functions, function->name_space, function->name);
	if (deployed) {
		deployed->created_s = function->created_s;
		deployed->replicas = function->replicas;
		if (deployed->replicas != UINT64_MAX && deployed->current)
			revision_set_minimum(deployed->current, (unsigned)deployed->replicas);
	}
	store_function_release(function);
	return result;
}

int deployments_load(struct supervisor *self, struct error *error)
{
	return store_each_function(self->store, load_function, self, error);
}
