/* What one connection holds in libvaccel; see holdings.h. */
#include "holdings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mayfly/wire.h"
#include "util/checked.h"
#include "util/cleanup.h"
#include "util/log.h"

#define MODEL_NAME_MAX 64
#define BLOBS_MAX      ((WIRE_ARGUMENTS_MAX - 3) / 2) /* what fits into a message */

struct held_resource {
	struct vaccel_resource resource;
	struct vaccel_session *session;
	uint8_t
	    *content;	/* what the peer sent, one blob after the other; NULL: an installed model */
	uint64_t bytes; /* of content, with the gaps between blobs */
};

static void destroy_session(void *object, void *context)
{
	vaccel_session_release(object);
	free(object);
}

static void free_resource(struct held_resource *held, struct holdings *holdings)
{
	free(held->content);
	holdings->resource_bytes -= held->bytes;
	budget_give(holdings->memory, held->bytes);
	free(held);
}

static void destroy_resource(void *object, void *context)
{
	struct held_resource *held = object;
	vaccel_resource_release(&held->resource);
	free_resource(held, context);
}

int holdings_init(struct holdings *holdings, struct budget *memory)
{
	holdings->resource_bytes = 0;
	holdings->memory = memory;
	if (object_table_init(&holdings->sessions, HOLDINGS_SESSIONS_MAX, destroy_session,
			      holdings))
		return VACCEL_ENOMEM;
	if (object_table_init(&holdings->resources, HOLDINGS_RESOURCES_MAX, destroy_resource,
			      holdings)) {
		object_table_release(&holdings->sessions);
		return VACCEL_ENOMEM;
	}
	return 0;
}

void holdings_release(struct holdings *holdings)
{
	object_table_release(&holdings->resources);
	object_table_release(&holdings->sessions);
}

int holdings_open_session(struct holdings *holdings, uint32_t flags, int64_t *id)
{
	if (object_table_is_full(&holdings->sessions))
		return VACCEL_EUSERS;
	cleanup_free struct vaccel_session *session = calloc(1, sizeof(*session));
	if (!session)
		return VACCEL_ENOMEM;
	/* The peer asks for work to be done here, not for it to be sent on. */
	int result = vaccel_session_init(session, flags & ~(uint32_t)VACCEL_PLUGIN_REMOTE);
	if (result)
		return result;
	*id = object_table_add(&holdings->sessions, take_pointer(session));
	return 0;
}

static bool belongs_to(const void *object, const void *session)
{
	return ((const struct held_resource *)object)->session == session;
}

int holdings_close_session(struct holdings *holdings, int64_t id)
{
	struct vaccel_session *session = holdings_session(holdings, id);
	if (!session)
		return VACCEL_EINVAL;
	/* Base resources are only hidden, and so stay registered with a session that nobody can
	 * reach until the reset. */
	object_table_take_away_if(&holdings->resources, belongs_to, session);
	object_table_take_away(&holdings->sessions, id);
	return 0;
}

struct vaccel_session *holdings_session(const struct holdings *holdings, int64_t id)
{
	return object_table_get(&holdings->sessions, id);
}

/* A model's name becomes part of a path, so it is a plain word. */
static bool is_model_name(const char *name)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789-_.";
	size_t length = strspn(name, allowed);
	return length && length <= MODEL_NAME_MAX && !name[length] && name[0] != '.';
}

static int init_from_model(struct held_resource *held, vaccel_resource_type_t type,
			   const char *name)
{
	char path[sizeof("model:") + MODEL_NAME_MAX];
	if (type != VACCEL_RESOURCE_MODEL || !is_model_name(name))
		return VACCEL_EINVAL;
	snprintf(path, sizeof(path), "model:%s", name);
	return vaccel_resource_init(&held->resource, path, type);
}

/* Where blobs begin in a resource's content. */
#define BLOB_ALIGNMENT 64

/* The bytes that the content of all blobs takes. 0 or a VACCEL_ code. */
static int measure_blobs(const struct vaccel_arg *blobs, size_t blob_count, uint64_t *bytes)
{
	*bytes = 0;
	for (size_t i = 0; i < blob_count; i++) {
		const struct vaccel_arg *name = &blobs[2 * i], *content = &blobs[2 * i + 1];
		if (name->type != VACCEL_ARG_STRING || content->type != VACCEL_ARG_BUFFER ||
		    !content->size)
			return VACCEL_EINVAL;
		if (align_up_overflows(*bytes, BLOB_ALIGNMENT, bytes) ||
		    add_overflows(*bytes, content->size, bytes))
			return VACCEL_ENOSPC;
	}
	return 0;
}

/* Counts the bytes against the connection's limit and the budget of all. */
static int reserve_bytes(struct held_resource *held, struct holdings *holdings, uint64_t bytes)
{
	if (bytes > HOLDINGS_RESOURCE_BYTES_MAX - holdings->resource_bytes)
		return VACCEL_ENOSPC;
	if (!budget_take(holdings->memory, bytes)) {
		log_warn("a resource of %llu bytes is refused: all connections together hold as "
			 "much as they may (--resource-memory)",
			 (unsigned long long)bytes);
		return VACCEL_ENOMEM;
	}
	held->bytes = bytes;
	holdings->resource_bytes += bytes;
	return 0;
}

static int init_from_content(struct held_resource *held, vaccel_resource_type_t type,
			     const struct vaccel_arg *arguments, size_t blob_count)
{
	struct vaccel_blob blobs[BLOBS_MAX];
	const struct vaccel_blob *list[BLOBS_MAX];
	size_t made = 0;
	uint64_t offset = 0;
	int result = 0;
	while (!result && made < blob_count) {
		const struct vaccel_arg *name = &arguments[2 * made], *content = name + 1;
		uint8_t *place = held->content + offset;
		memcpy(place, content->buf, content->size);
		/* measure_blobs() has added the same numbers up. */
		(void)align_up_overflows(offset + content->size, BLOB_ALIGNMENT, &offset);
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

static int init_from_blobs(struct held_resource *held, struct holdings *holdings,
			   vaccel_resource_type_t type, const struct vaccel_arg *blobs,
			   size_t blob_count)
{
	if (!blob_count || blob_count > BLOBS_MAX)
		return VACCEL_EINVAL;
	uint64_t bytes;
	int result = measure_blobs(blobs, blob_count, &bytes);
	if (!result)
		result = reserve_bytes(held, holdings, bytes);
	if (result)
		return result;
	held->content = malloc(bytes);
	if (!held->content)
		return VACCEL_ENOMEM;
	const char *name = blobs[0].buf;
	if (blob_count > 1 || *name)
		return init_from_content(held, type, blobs, blob_count);
	/* The library has a name for a single blob that has none. */
	memcpy(held->content, blobs[1].buf, bytes);
	return vaccel_resource_init_from_buf(&held->resource, held->content, bytes, type, NULL,
					     true);
}

int holdings_register(struct holdings *holdings, int64_t session, vaccel_resource_type_t type,
		      const char *model, const struct vaccel_arg *blobs, size_t blob_count,
		      int64_t *id)
{
	struct vaccel_session *target = holdings_session(holdings, session);
	if (!target || type >= VACCEL_RESOURCE_MAX)
		return VACCEL_EINVAL;
	if (object_table_is_full(&holdings->resources))
		return VACCEL_EUSERS;
	struct held_resource *held = calloc(1, sizeof(*held));
	if (!held)
		return VACCEL_ENOMEM;
	held->session = target;
	int result = *model ? init_from_model(held, type, model)
			    : init_from_blobs(held, holdings, type, blobs, blob_count);
	if (result) {
		free_resource(held, holdings);
		return result;
	}
	result = vaccel_resource_register(&held->resource, target);
	if (result) {
		destroy_resource(held, holdings);
		return result;
	}
	*id = object_table_add(&holdings->resources, held);
	return 0;
}

static struct held_resource *find_resource(const struct holdings *holdings, int64_t session,
					   int64_t id)
{
	const struct vaccel_session *target = holdings_session(holdings, session);
	struct held_resource *held = object_table_get(&holdings->resources, id);
	return target && held && held->session == target ? held : NULL;
}

int holdings_unregister(struct holdings *holdings, int64_t session, int64_t id)
{
	struct held_resource *held = find_resource(holdings, session, id);
	if (!held)
		return VACCEL_EINVAL;
	/* Unregistered even where it will only be hidden: what a session has registered tells
	 * plugins which model to use. */
	int result = vaccel_resource_unregister(&held->resource, held->session);
	if (result)
		return result;
	object_table_take_away(&holdings->resources, id);
	return 0;
}

vaccel_id_t holdings_resource(const struct holdings *holdings, int64_t session, int64_t id)
{
	const struct held_resource *held = find_resource(holdings, session, id);
	return held ? held->resource.id : 0;
}

bool holdings_resource_is_installed(const struct holdings *holdings, int64_t session, int64_t id)
{
	const struct held_resource *held = find_resource(holdings, session, id);
	return held && !held->content;
}

/* The counterpart of holdings_unregister() on a base resource; one that was hidden with its
 * session is still registered. */
static int show_resource(void *object, void *context)
{
	struct held_resource *held = object;
	if (vaccel_session_has_resource(held->session, &held->resource))
		return 0;
	return vaccel_resource_register(&held->resource, held->session);
}

bool holdings_are_base(const struct holdings *holdings)
{
	return object_table_is_base(&holdings->sessions) &&
	       object_table_is_base(&holdings->resources);
}

void holdings_mark(struct holdings *holdings)
{
	/* Resources first: they point to their sessions. Those of a hidden session are hidden. */
	object_table_mark(&holdings->resources);
	object_table_mark(&holdings->sessions);
}

int holdings_reset(struct holdings *holdings)
{
	int result = object_table_reset(&holdings->resources, show_resource);
	return result ? result : object_table_reset(&holdings->sessions, NULL);
}
