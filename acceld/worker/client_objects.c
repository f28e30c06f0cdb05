/* What one connection holds in libvaccel; see client_objects.h. */
#include "acceld/worker/client_objects.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "acceld/common/client_limits.h"
#include "acceld/tenants/account.h"
#include "acceld/tenants/sent_model.h"
#include "acceld/tenants/tenant.h"
#include "mayfly/results.h"
#include "mayfly/wire.h"
#include "model_cache/name.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/log.h"

#define STRINGIFY_(value) #value
#define STRINGIFY(value)  STRINGIFY_(value)

struct client_resource {
	struct vaccel_resource resource;
	struct vaccel_session *session;
	/* What the peer sent, one blob after the other; NULL: an installed model. */
	uint8_t *content;
	uint64_t bytes; /* that are counted for it */
	/* A model or code that the peer sent. Plugins see it only in the tenant's worker of that
	 * generation: `resource` is not in use. */
	struct sent_files sent;
	vaccel_resource_type_t type;
	uint64_t key, generation;
	int64_t session_id;
};

static bool is_sent(const struct client_resource *held)
{
	return held->sent.count;
}

static void destroy_session(void *object, void *context)
{
	struct client_objects *objects = context;
	vaccel_session_release(object);
	free(object);
	budget_give(&objects->account->parts.sessions, 1);
}

static void free_resource(struct client_resource *held, struct client_objects *objects)
{
	free(held->content);
	budget_give(&objects->account->parts.models, held->sent.count);
	sent_files_close(&held->sent);
	objects->resource_bytes -= held->bytes;
	budget_give(&objects->account->parts.memory, held->bytes);
	budget_give(&objects->account->parts.resources, 1);
	free(held);
}

/* A tenant's worker cannot be relied on to forget a model, so it is ended. */
static void take_from_worker(const struct client_resource *held, struct client_objects *objects)
{
	if (held->generation == objects->tenant->generation)
		tenant_end(objects->tenant);
}

static void destroy_resource(void *object, void *context)
{
	struct client_resource *held = object;
	if (is_sent(held))
		take_from_worker(held, context);
	else
		vaccel_resource_release(&held->resource);
	free_resource(held, context);
}

int client_objects_init(struct client_objects *objects, struct account *account,
			struct tenant *tenant)
{
	objects->resource_bytes = 0;
	objects->account = account;
	objects->tenant = tenant;
	objects->last_key = 0;
	if (object_table_init(&objects->sessions, CLIENT_SESSIONS_MAX, destroy_session, objects))
		return VACCEL_ENOMEM;
	if (object_table_init(&objects->resources, CLIENT_RESOURCES_MAX, destroy_resource,
			      objects)) {
		object_table_release(&objects->sessions);
		return VACCEL_ENOMEM;
	}
	return 0;
}

void client_objects_release(struct client_objects *objects)
{
	object_table_release(&objects->resources);
	object_table_release(&objects->sessions);
}

int client_objects_open_session(struct client_objects *objects, uint32_t flags, int64_t *id)
{
	if (object_table_is_full(&objects->sessions)) {
		mayfly_op_set_reason(
		    "a connection may have " STRINGIFY(CLIENT_SESSIONS_MAX) " sessions");
		return VACCEL_EUSERS;
	}
	if (!budget_take(&objects->account->parts.sessions, 1)) {
		account_explain(objects->account, ACCOUNT_sessions);
		return VACCEL_EUSERS;
	}
	cleanup_free struct vaccel_session *session = calloc(1, sizeof(*session));
	/* The peer asks for work to be done here, not for it to be sent on. */
	int result = session ? vaccel_session_init(session, flags & ~(uint32_t)VACCEL_PLUGIN_REMOTE)
			     : VACCEL_ENOMEM;
	if (result) {
		budget_give(&objects->account->parts.sessions, 1);
		return result;
	}
	if (session->plugin &&
	    !account_allows_plugin(objects->account, session->plugin->info->name)) {
		destroy_session(take_pointer(session), objects);
		return VACCEL_EPERM;
	}
	*id = object_table_add(&objects->sessions, take_pointer(session));
	return 0;
}

static bool belongs_to(const void *object, const void *session)
{
	return ((const struct client_resource *)object)->session == session;
}

int client_objects_close_session(struct client_objects *objects, int64_t id)
{
	struct vaccel_session *session = client_objects_session(objects, id);
	if (!session)
		return VACCEL_EINVAL;
	/* Base resources are only hidden, and so stay registered with a session that nobody can
	 * reach until the reset. */
	object_table_take_away_if(&objects->resources, belongs_to, session);
	object_table_take_away(&objects->sessions, id);
	return 0;
}

struct vaccel_session *client_objects_session(const struct client_objects *objects, int64_t id)
{
	return object_table_get(&objects->sessions, id);
}

static int init_from_model(struct client_resource *held, vaccel_resource_type_t type,
			   const char *name)
{
	char path[sizeof("model:") + MODEL_NAME_SIZE];
	if (type != VACCEL_RESOURCE_MODEL || !model_name_is_valid(name))
		return VACCEL_EINVAL;
	snprintf(path, sizeof(path), "model:%s", name);
	return vaccel_resource_init(&held->resource, path, type);
}

/* Where blobs begin in a resource's content. */
#define BLOB_ALIGNMENT 64

/* The bytes that the content of all blobs takes; names are too short to count. 0 or a VACCEL_
 * code. */
static int measure_blobs(const struct vaccel_arg *blobs, size_t blob_count, uint64_t *bytes)
{
	*bytes = 0;
	for (size_t i = 0; i < blob_count; i++) {
		const struct vaccel_arg *name = &blobs[2 * i], *content = &blobs[2 * i + 1];
		if (name->type != VACCEL_ARG_STRING || content->type != VACCEL_ARG_BUFFER ||
		    !content->size || name->size > NAME_MAX + 1)
			return VACCEL_EINVAL;
		if (round_up_overflows(*bytes, BLOB_ALIGNMENT, bytes) ||
		    add_overflows(*bytes, content->size, bytes))
			return VACCEL_ENOSPC;
	}
	return 0;
}

/* Counts the bytes of the blobs against the connection's limit and the budget of all. */
static int reserve_bytes(struct client_resource *held, struct client_objects *objects,
			 const struct vaccel_arg *blobs, size_t blob_count)
{
	uint64_t bytes;
	int result = measure_blobs(blobs, blob_count, &bytes);
	if (result)
		return result;
	if (bytes > CLIENT_RESOURCE_BYTES_MAX - objects->resource_bytes) {
		mayfly_op_set_reason("a connection may have resources of 1 GiB");
		return VACCEL_ENOSPC;
	}
	if (!budget_take(&objects->account->parts.memory, bytes)) {
		account_explain(objects->account, ACCOUNT_memory);
		log_warn("a resource of %llu bytes is refused: %s", (unsigned long long)bytes,
			 mayfly_op_reason());
		return VACCEL_ENOMEM;
	}
	held->bytes = bytes;
	objects->resource_bytes += bytes;
	return 0;
}

static int init_from_content(struct client_resource *held, vaccel_resource_type_t type,
			     const struct vaccel_arg *arguments, size_t blob_count)
{
	struct vaccel_blob blobs[WIRE_BLOBS_MAX];
	const struct vaccel_blob *list[WIRE_BLOBS_MAX];
	size_t made = 0;
	uint64_t offset = 0;
	int result = 0;
	while (!result && made < blob_count) {
		const struct vaccel_arg *name = &arguments[2 * made], *content = name + 1;
		uint8_t *place = held->content + offset;
		memcpy(place, content->buf, content->size);
		/* measure_blobs() has added the same numbers up. */
		(void)round_up_overflows(offset + content->size, BLOB_ALIGNMENT, &offset);
		result = vaccel_blob_init_from_buf(&blobs[made], place, content->size, false,
						   name->buf, NULL, false);
		if (!result) {
			list[made] = &blobs[made];
			made++;
		}
	}
	/* The resource's own blobs refer to the content, too. */
	if (!result)
		result = vaccel_resource_init_from_blobs(&held->resource, list, made, type);
	while (made)
		vaccel_blob_release(&blobs[--made]);
	return result;
}

static int init_from_blobs(struct client_resource *held, struct client_objects *objects,
			   vaccel_resource_type_t type, const struct vaccel_arg *blobs,
			   size_t blob_count)
{
	if (!blob_count || blob_count > WIRE_BLOBS_MAX)
		return VACCEL_EINVAL;
	int result = reserve_bytes(held, objects, blobs, blob_count);
	if (result)
		return result;
	held->content = malloc(held->bytes);
	if (!held->content)
		return VACCEL_ENOMEM;
	const char *name = blobs[0].buf;
	if (blob_count > 1 || *name)
		return init_from_content(held, type, blobs, blob_count);
	/* The library has a name for a single blob that has none. */
	memcpy(held->content, blobs[1].buf, held->bytes);
	return vaccel_resource_init_from_buf(&held->resource, held->content, held->bytes, type,
					     NULL, true);
}

/* Gives the tenant's worker, which there must be, a model that it does not have yet. */
static int give_to_worker(struct client_resource *held, struct client_objects *objects)
{
	if (held->generation == objects->tenant->generation)
		return VACCEL_OK;
	int result = tenant_register(objects->tenant, held->session_id, held->session->hint,
				     held->key, &held->sent);
	if (!result)
		held->generation = objects->tenant->generation;
	return result;
}

/* All that the session has, in the order in which it came. */
static int give_session_to_worker(struct client_objects *objects, int64_t session)
{
	int result = VACCEL_OK;
	for (size_t i = 0; !result && i < objects->resources.count; i++) {
		const struct object_entry *entry = &objects->resources.entries[i];
		struct client_resource *held = entry->object;
		if (!entry->hidden && is_sent(held) && held->session_id == session)
			result = give_to_worker(held, objects);
	}
	return result;
}

/* Keeps the bytes, and lets the plugin say at once what it thinks of them. */
static int init_from_sent(struct client_resource *held, struct client_objects *objects,
			  vaccel_resource_type_t type, const struct vaccel_arg *blobs,
			  size_t blob_count, int64_t session)
{
	int result = reserve_bytes(held, objects, blobs, blob_count);
	if (result)
		return result;
	result = sent_files_make(&held->sent, type, blobs, blob_count);
	if (result)
		return result;
	if (!budget_take(&objects->account->parts.models, held->sent.count)) {
		sent_files_close(&held->sent);
		account_explain(objects->account, ACCOUNT_models);
		return VACCEL_EUSERS;
	}
	held->key = ++objects->last_key;
	held->session_id = session;
	result = tenant_begin(objects->tenant);
	if (result)
		return result;
	result = give_session_to_worker(objects, session);
	if (!result)
		result = give_to_worker(held, objects);
	tenant_rest(objects->tenant);
	/* The tenant's worker has looked at a model that no reset will know of. */
	if (result)
		tenant_end(objects->tenant);
	return result;
}

int client_objects_begin_apart(struct client_objects *objects, int64_t session)
{
	int result = tenant_begin(objects->tenant);
	if (result)
		return result;
	result = give_session_to_worker(objects, session);
	if (result)
		tenant_rest(objects->tenant);
	return result;
}

/* What the policy says of an installed model, or of one that is sent. */
static bool may_register(const struct client_objects *objects, vaccel_resource_type_t type,
			 const char *model)
{
	if (*model)
		return account_allows_model(objects->account, model);
	return type != VACCEL_RESOURCE_MODEL || account_allows_sending(objects->account);
}

/* Whether what the peer sends is for its own worker: models always are, and code that may be run.
 * Other libraries are bytes here, and no plugin that would run them ever gets an op for them. A session
 * for debugging has them where its plugin is. */
static bool goes_apart(const struct client_objects *objects, const struct vaccel_session *session,
		       vaccel_resource_type_t type)
{
	const struct policy *policy = objects->account->policy;
	return type == VACCEL_RESOURCE_MODEL || (type == VACCEL_RESOURCE_LIB && policy->run_code &&
						 !(session->hint & VACCEL_PLUGIN_DEBUG));
}

int client_objects_register(struct client_objects *objects, int64_t session,
			    vaccel_resource_type_t type, const char *model,
			    const struct vaccel_arg *blobs, size_t blob_count, int64_t *id)
{
	struct vaccel_session *target = client_objects_session(objects, session);
	if (!target || type >= VACCEL_RESOURCE_MAX)
		return VACCEL_EINVAL;
	if (!may_register(objects, type, model))
		return VACCEL_EPERM;
	if (object_table_is_full(&objects->resources)) {
		mayfly_op_set_reason(
		    "a connection may have " STRINGIFY(CLIENT_RESOURCES_MAX) " resources");
		return VACCEL_EUSERS;
	}
	if (!budget_take(&objects->account->parts.resources, 1)) {
		account_explain(objects->account, ACCOUNT_resources);
		return VACCEL_EUSERS;
	}
	struct client_resource *held = calloc(1, sizeof(*held));
	if (!held) {
		budget_give(&objects->account->parts.resources, 1);
		return VACCEL_ENOMEM;
	}
	held->session = target;
	held->type = type;
	bool apart = !*model && objects->tenant && goes_apart(objects, target, type);
	int result = *model  ? init_from_model(held, type, model)
		     : apart ? init_from_sent(held, objects, type, blobs, blob_count, session)
			     : init_from_blobs(held, objects, type, blobs, blob_count);
	if (result) {
		free_resource(held, objects);
		return result;
	}
	if (!apart)
		result = vaccel_resource_register(&held->resource, target);
	if (result) {
		destroy_resource(held, objects);
		return result;
	}
	*id = object_table_add(&objects->resources, held);
	return 0;
}

static struct client_resource *find_resource(const struct client_objects *objects, int64_t session,
					     int64_t id)
{
	const struct vaccel_session *target = client_objects_session(objects, session);
	struct client_resource *held = object_table_get(&objects->resources, id);
	return target && held && held->session == target ? held : NULL;
}

int client_objects_unregister(struct client_objects *objects, int64_t session, int64_t id)
{
	struct client_resource *held = find_resource(objects, session, id);
	if (!held)
		return VACCEL_EINVAL;
	/* Unregistered even where it will only be hidden: what a session has registered tells
	 * plugins which model to use. */
	int result = VACCEL_OK;
	if (is_sent(held))
		take_from_worker(held, objects);
	else
		result = vaccel_resource_unregister(&held->resource, held->session);
	if (result)
		return result;
	object_table_take_away(&objects->resources, id);
	return 0;
}

vaccel_id_t client_objects_resource(const struct client_objects *objects, int64_t session,
				    int64_t id)
{
	const struct client_resource *held = find_resource(objects, session, id);
	return held && !is_sent(held) ? held->resource.id : 0;
}

uint64_t client_objects_key_of(const struct client_objects *objects, int64_t session, int64_t id)
{
	const struct client_resource *held = find_resource(objects, session, id);
	return held && is_sent(held) ? held->key : 0;
}

/* Plugins take the first model of a session. */
bool client_objects_runs_apart(const struct client_objects *objects, int64_t session)
{
	const struct vaccel_session *target = client_objects_session(objects, session);
	for (size_t i = 0; target && i < objects->resources.count; i++) {
		const struct object_entry *entry = &objects->resources.entries[i];
		const struct client_resource *held = entry->object;
		if (!entry->hidden && held->session == target &&
		    held->type == VACCEL_RESOURCE_MODEL)
			return is_sent(held);
	}
	return false;
}

bool client_objects_resource_is_installed(const struct client_objects *objects, int64_t session,
					  int64_t id)
{
	const struct client_resource *held = find_resource(objects, session, id);
	return held && !held->content;
}

/* The counterpart of client_objects_unregister() on a base resource; one that was hidden with its
 * session is still registered. */
static int show_resource(void *object, void *context)
{
	struct client_resource *held = object;
	struct client_objects *objects = context;
	/* A model that was sent comes back when it is needed, and before those that came after it,
	 * which the tenant's worker may have already. */
	if (is_sent(held)) {
		if (held->generation != objects->tenant->generation)
			tenant_end(objects->tenant);
		return 0;
	}
	if (vaccel_session_has_resource(held->session, &held->resource))
		return 0;
	return vaccel_resource_register(&held->resource, held->session);
}

bool client_objects_are_base(const struct client_objects *objects)
{
	return object_table_is_base(&objects->sessions) &&
	       object_table_is_base(&objects->resources);
}

void client_objects_mark(struct client_objects *objects)
{
	/* Resources first: they point to their sessions. Those of a hidden session are hidden. */
	object_table_mark(&objects->resources);
	object_table_mark(&objects->sessions);
}

int client_objects_reset(struct client_objects *objects)
{
	int result = object_table_reset(&objects->resources, show_resource);
	return result ? result : object_table_reset(&objects->sessions, NULL);
}
