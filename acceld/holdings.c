/* What one connection holds in libvaccel; see holdings.h. */
#include "holdings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mayfly/wire.h"
#include "util/cleanup.h"

#define MODEL_NAME_MAX 64
#define BLOBS_MAX      ((WIRE_ARGUMENTS_MAX - 3) / 2) /* what fits into a message */

struct held_resource {
	struct vaccel_resource resource;
	struct vaccel_session *session;
	uint8_t *content; /* of a resource in memory; NULL for files and installed models */
	uint64_t bytes;	  /* its share of HOLDINGS_RESOURCE_BYTES_MAX */
};

static void destroy_session(void *object, void *context)
{
	vaccel_session_release(object);
	free(object);
}

static void free_resource(struct held_resource *held, struct holdings *holdings)
{
	holdings->resource_bytes -= held->bytes;
	free(held->content);
	free(held);
}

static void destroy_resource(void *object, void *context)
{
	struct held_resource *held = object;
	vaccel_resource_release(&held->resource);
	free_resource(held, context);
}

int holdings_init(struct holdings *holdings)
{
	holdings->resource_bytes = 0;
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

/* Counts the content of all blobs into the connection's share. */
static int reserve_bytes(struct held_resource *held, struct holdings *holdings,
			 const struct vaccel_arg *blobs, size_t blob_count)
{
	for (size_t i = 0; i < blob_count; i++) {
		const struct vaccel_arg *name = &blobs[2 * i], *content = &blobs[2 * i + 1];
		if (name->type != VACCEL_ARG_STRING || content->type != VACCEL_ARG_BUFFER ||
		    !content->size)
			return VACCEL_EINVAL;
		if (content->size > HOLDINGS_RESOURCE_BYTES_MAX - holdings->resource_bytes)
			return VACCEL_ENOSPC;
		held->bytes += content->size;
		holdings->resource_bytes += content->size;
	}
	return 0;
}

/* One blob stays in memory; several must be files that can name each other. */
static int init_from_memory(struct held_resource *held, vaccel_resource_type_t type,
			    const struct vaccel_arg *blob)
{
	const char *name = blob[0].buf;
	held->content = malloc(blob[1].size);
	if (!held->content)
		return VACCEL_ENOMEM;
	memcpy(held->content, blob[1].buf, blob[1].size);
	return vaccel_resource_init_from_buf(&held->resource, held->content, blob[1].size, type,
					     *name ? name : NULL, true);
}

static int init_from_files(struct held_resource *held, vaccel_resource_type_t type,
			   const struct vaccel_arg *arguments, size_t blob_count)
{
	struct vaccel_blob blobs[BLOBS_MAX];
	const struct vaccel_blob *list[BLOBS_MAX];
	size_t made = 0;
	int result = 0;
	while (!result && made < blob_count) {
		const struct vaccel_arg *blob = &arguments[2 * made];
		result = vaccel_blob_init_from_buf(&blobs[made], blob[1].buf, blob[1].size, false,
						   blob[0].buf, NULL, false);
		if (!result) {
			list[made] = &blobs[made];
			made++;
		}
	}
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
	int result = reserve_bytes(held, holdings, blobs, blob_count);
	if (result)
		return result;
	return blob_count == 1 ? init_from_memory(held, type, blobs)
			       : init_from_files(held, type, blobs, blob_count);
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

/* The counterpart of holdings_unregister() on a base resource; one that was hidden with its
 * session is still registered. */
static int show_resource(void *object, void *context)
{
	struct held_resource *held = object;
	if (vaccel_session_has_resource(held->session, &held->resource))
		return 0;
	return vaccel_resource_register(&held->resource, held->session);
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
