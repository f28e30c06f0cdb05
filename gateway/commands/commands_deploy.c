/* Deploying: from a command to a revision that serves; and back to an earlier one. */
#include <ctype.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands/commands.h"
#include "commands/deployments.h"
#include "link/fields.h"
#include "supervisor/secrets.h"
#include "util/log.h"

#define NAME_LENGTH 200 /* of a function; file systems and tools have 255 */

/* One on its way: prepared and kept by a background thread, installed by the event loop. */
struct deploying {
	struct background_job job;
	struct supervisor *supervisor;
	struct call *call;
	bool is_new;
	struct store_revision revision;
	uint64_t current; /* revision when it began; 0: none */
	unsigned percent;
	struct image_description description;
	struct secrets *secrets;
	struct record earlier; /* as it was prepared before; empty: never */
	atomic_bool unwanted;
	int result;
	struct error error;
};

static void free_deploying(struct deploying *self)
{
	store_revision_release(&self->revision);
	image_description_release(&self->description);
	secrets_free(self->secrets);
	record_release(&self->earlier);
	free(self);
}

/* ── the work ────────────────────────────────────────────────────────────────────────────────── */

static bool is_unwanted(void *context)
{
	struct deploying *self = context;
	return atomic_load(&self->unwanted);
}

static int prepare(struct deploying *self, struct error *error)
{
	struct supervisor *supervisor = self->supervisor;
	int result = secrets_read(&self->secrets, supervisor->store, self->revision.name_space,
				  record_of(&self->revision.deployment), error);
	if (result)
		return result;
	const struct image_order order = {
	    .deployment = record_of(&self->revision.deployment),
	    .secrets = self->secrets->list,
	    .secret_count = self->secrets->count,
	    .earlier = record_of(&self->earlier),
	    .unwanted = is_unwanted,
	    .context = self,
	};
	result = images_prepare(supervisor->images, &order, &self->revision.prepared, error);
	if (!result)
		result =
		    images_describe(supervisor->images, record_of(&self->revision.deployment),
				    record_of(&self->revision.prepared), &self->description, error);
	return result;
}

static void deploy(struct background_job *job)
{
	struct deploying *self = (struct deploying *)job;
	struct store *store = self->supervisor->store;
	struct store_revision *revision = &self->revision;
	self->result = prepare(self, &self->error);
	if (self->result)
		return;
	self->percent = self->current ? self->description.split : 100;
	self->result = store_deploy(store, self->is_new, revision, &self->error);
	if (!self->result && self->percent < 100)
		self->result =
		    store_split(store, revision->name_space, revision->name, self->current,
				revision->number, self->percent, &self->error);
}

static void finish_deploying(struct background_job *job)
{
	struct deploying *self = (struct deploying *)job;
	struct supervisor *supervisor = self->supervisor;
	struct deployed *there =
	    functions_find(&supervisor->functions, self->revision.name_space, self->revision.name);
	if (there)
		there->changing = false;
	if (!self->result && !self->is_new && !there)
		self->result =
		    error_set(&self->error, ENOENT, "the function has been removed meanwhile");
	if (!self->result && !supervisor->stopping)
		self->result = deployment_install(supervisor, &self->revision, &self->description,
						  &self->secrets, self->percent, &self->error);
	if (!self->result) {
		struct deployed *deployed = functions_find(
		    &supervisor->functions, self->revision.name_space, self->revision.name);
		/* So that the first request finds it ready, and whoever waits for it sees it. */
		if (deployed && deployed->coming)
			revision_start(deployed->coming);
		else if (deployed && deployed->current)
			revision_start(deployed->current);
	}
	if (!self->call && self->result) {
		log_error("%s.%s cannot be prepared anew: %s", self->revision.name,
			  self->revision.name_space, self->error.text);
		if (there && !there->current)
			deployed_note_failure(there, self->error.text);
	} else if (!self->call)
		log_info("%s.%s was prepared anew", self->revision.name, self->revision.name_space);
	else if (self->result)
		command_answer(self->call, command_status(self->result), self->error.text);
	else
		command_answer(self->call, self->is_new ? 202 : 200, "");
	free_deploying(self);
}

int deploy_again(struct supervisor *supervisor, struct store_revision *revision,
		 struct error *error)
{
	struct deploying *self = calloc(1, sizeof(*self));
	if (!self)
		return error_set(error, ENOMEM, "no memory for a function");
	*self = (struct deploying){
	    .job = {.work = deploy, .finished = finish_deploying},
	    .supervisor = supervisor,
	    .revision = *revision,
	    .earlier = revision->prepared,
	};
	self->revision.prepared = RECORD_EMPTY;
	*revision = (struct store_revision){0};
	background_add(supervisor->background, BACKGROUND_SLOW, &self->job);
	return 0;
}

/* ── the command ─────────────────────────────────────────────────────────────────────────────── */

static bool is_name(const char *name)
{
	if (!name || !isalnum((unsigned char)*name) || strlen(name) > NAME_LENGTH)
		return false;
	for (; *name; name++)
		if (!isalnum((unsigned char)*name) && *name != '-' && *name != '_')
			return false;
	return true;
}

/* Copies what was deployed: all but the names. */
static int take_deployment(struct deploying *self, struct record_view function)
{
	struct record *out = &self->revision.deployment;
	struct record_field field;
	const char *name = command_name_in(function);
	self->revision.name = strdup(name);
	self->revision.name_space = strdup(command_name_space_in(function));
	while (record_next(&function, &field))
		if (field.tag != FIELD_NAME && field.tag != FIELD_NAMESPACE)
			record_add(out, field.tag, field.key, strlen(field.key), field.value,
				   field.length);
	return self->revision.name && self->revision.name_space ? out->result : -ENOMEM;
}

static bool stop_deploying(struct call *call)
{
	struct deploying *self = call->command_context;
	atomic_store(&self->unwanted, true);
	return true;
}

static const char another_is_under_way[] = "another deployment of this function is under way";

/* Why it cannot be; 0 where it can: then no other one can until it is finished. */
static unsigned check(struct deploying *self, const char **why)
{
	struct deployed *there = functions_find(&self->supervisor->functions,
						self->revision.name_space, self->revision.name);
	*why = "";
	if (!is_name(self->revision.name)) {
		*why = "service: a function's name has letters, digits, - and _, and begins with a "
		       "letter or digit";
		return 400;
	}
	if (!is_name(self->revision.name_space)) {
		*why = "namespace: a namespace has letters, digits, - and _, and begins with a "
		       "letter or digit";
		return 400;
	}
	if (self->is_new && there) {
		*why = "a function of this name is there already";
		return 409;
	}
	if (!self->is_new && !there) {
		*why = "there is no function of this name";
		return 404;
	}
	if (there && there->changing) {
		*why = another_is_under_way;
		return 409;
	}
	if (there) {
		there->changing = true;
		self->current = there->current ? revision_number(there->current) : 0;
	}
	return 0;
}

void command_deploy(struct call *call)
{
	struct record_field field;
	if (!record_find(call->head, FIELD_FUNCTION, &field) ||
	    record_check(record_within(&field))) {
		command_answer(call, 400, "no function is described");
		return;
	}
	struct deploying *self = calloc(1, sizeof(*self));
	if (!self || take_deployment(self, record_within(&field))) {
		command_answer(call, 503, "no memory for this");
		if (self)
			free_deploying(self);
		return;
	}
	self->supervisor = call->peer->supervisor;
	self->call = call;
	self->is_new = record_find_number(call->head, FIELD_COMMAND, 0) == COMMAND_DEPLOY;
	self->job = (struct background_job){.work = deploy, .finished = finish_deploying};
	const char *why;
	const unsigned code = check(self, &why);
	if (code) {
		command_answer(call, code, why);
		free_deploying(self);
		return;
	}
	call->command_context = self;
	call->stop = stop_deploying;
	background_add(self->supervisor->background, BACKGROUND_SLOW, &self->job);
}

/* ── removal ─────────────────────────────────────────────────────────────────────────────────── */

static int remove_kept(struct supervisor *self, struct record_view head, struct record *answer,
		       struct error *error)
{
	return store_remove(self->store, command_name_space_in(head), command_name_in(head), error);
}

static void remove_running(struct call *call)
{
	struct supervisor *self = call->peer->supervisor;
	struct deployed *deployed =
	    functions_find(&self->functions, command_name_space(call), command_name(call));
	if (deployed)
		deployment_remove(self, deployed);
}

void command_remove(struct call *call)
{
	static const struct command_work work = {remove_kept, remove_running, 202};
	if (command_find(call))
		command_do(call, &work);
}

/* ── revisions ───────────────────────────────────────────────────────────────────────────────── */

/* A function's revisions, as they are told. */
struct listing {
	const char *name_space, *name;
	uint64_t current, other; /* which its requests go to */
	unsigned percent;	 /* of them go to `other` */
	struct record *answer;
};

static unsigned share(const struct listing *listing, uint64_t number)
{
	if (number == listing->current)
		return 100 - listing->percent;
	return number == listing->other ? listing->percent : 0;
}

static int add_revision(void *context, struct store_revision *revision)
{
	struct listing *listing = context;
	struct record one = RECORD_EMPTY;
	record_add_number(&one, FIELD_NUMBER, revision->number);
	record_add_number(&one, FIELD_PERCENT, share(listing, revision->number));
	record_add_number(&one, FIELD_CREATED, revision->created_s);
	record_add_text(&one, FIELD_IMAGE,
			record_find_text(record_of(&revision->deployment), FIELD_IMAGE, NULL));
	record_add_text(&one, FIELD_DIGEST,
			record_find_text(record_of(&revision->prepared), FIELD_DIGEST, NULL));
	record_add_record(listing->answer, FIELD_REVISION, &one);
	record_release(&one);
	store_revision_release(revision);
	return 0;
}

/* 1: found, look no further. */
static int take_shares(void *context, struct store_function *function)
{
	struct listing *listing = context;
	const bool found = !strcmp(function->name, listing->name) &&
			   !strcmp(function->name_space, listing->name_space);
	if (found) {
		listing->current = function->current;
		listing->other = function->other;
		listing->percent = function->other ? function->percent : 0;
	}
	store_function_release(function);
	return found;
}

static int list_revisions(struct supervisor *self, struct record_view head, struct record *answer,
			  struct error *error)
{
	struct listing listing = {
	    .name_space = command_name_space_in(head),
	    .name = command_name_in(head),
	    .answer = answer,
	};
	int result = store_each_function(self->store, take_shares, &listing, error);
	if (result < 0)
		return result;
	return store_each_revision(self->store, listing.name_space, listing.name, add_revision,
				   &listing, error);
}

void command_revisions(struct call *call)
{
	static const struct command_work work = {list_revisions, NULL, 200};
	if (command_find(call))
		command_do(call, &work);
}

/* Finds the revision that is wanted: that number, or 0: the last one before the current one. */
struct search {
	uint64_t wanted, current;
	struct store_revision found;
};

static int look(void *context, struct store_revision *revision)
{
	struct search *search = context;
	const bool fits = search->wanted ? revision->number == search->wanted
					 : revision->number < search->current &&
					       revision->number >= search->found.number;
	if (fits) {
		store_revision_release(&search->found);
		search->found = *revision;
	} else {
		store_revision_release(revision);
	}
	return 0;
}

/* `revision.number` is the one that is wanted, `percent` its part of the requests. */
static void return_to(struct background_job *job)
{
	struct deploying *self = (struct deploying *)job;
	struct store *store = self->supervisor->store;
	const char *name_space = command_name_space(self->call), *name = command_name(self->call);
	struct search search = {.wanted = record_find_number(self->call->head, FIELD_NUMBER, 0),
				.current = self->revision.number};
	self->result = store_each_revision(store, name_space, name, look, &search, &self->error);
	if (!self->result && !search.found.number)
		self->result = error_set(&self->error, EINVAL, "%s has no such revision", name);
	if (!self->result) {
		store_revision_release(&self->revision);
		self->revision = search.found;
	}
	if (!self->result)
		self->result = images_describe(
		    self->supervisor->images, record_of(&self->revision.deployment),
		    record_of(&self->revision.prepared), &self->description, &self->error);
	if (self->result == -ESTALE)
		error_wrap(&self->error,
			   "revision %lu cannot be gone back to, deploy its image again",
			   self->revision.number);
	/* A snapshot has them in it. */
	if (!self->result && !self->description.frozen)
		self->result = secrets_read(&self->secrets, store, name_space,
					    record_of(&self->revision.deployment), &self->error);
	if (!self->result)
		self->result = self->percent < 100
				   ? store_split(store, name_space, name, search.current,
						 search.found.number, self->percent, &self->error)
				   : store_split(store, name_space, name, search.found.number, 0, 0,
						 &self->error);
}

static void begin_return(struct call *call, unsigned percent)
{
	struct deployed *deployed = command_find(call);
	if (!deployed)
		return;
	if (deployed->changing) {
		command_answer(call, 409, another_is_under_way);
		return;
	}
	struct deploying *self = deployed->current ? calloc(1, sizeof(*self)) : NULL;
	if (!self) {
		command_answer(call, 503, "no memory for this");
		return;
	}
	*self = (struct deploying){
	    .job = {.work = return_to, .finished = finish_deploying},
	    .supervisor = call->peer->supervisor,
	    .call = call,
	    .percent = percent,
	    /* One that is still coming is what it returns from. */
	    .revision.number =
		revision_number(deployed->coming ? deployed->coming : deployed->current),
	};
	self->revision.name_space = strdup(deployed->name_space);
	self->revision.name = strdup(deployed->name);
	deployed->changing = true;
	background_add(self->supervisor->background, BACKGROUND_QUICK, &self->job);
}

void command_rollback(struct call *call)
{
	begin_return(call, 100);
}

void command_split(struct call *call)
{
	const uint64_t percent = record_find_number(call->head, FIELD_PERCENT, 101);
	if (percent > 100)
		command_answer(call, 400, "percent: from 0 to 100");
	else if (percent)
		begin_return(call, (unsigned)percent);
	else
		command_answer(call, 400, "percent: 0 is what a rollback does");
}
