/* Resources and the sessions that use them: registering, finding. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "accel/registration.h"
#include "accel/remote.h"
#include "accel/resource.h"
#include "accel/session.h"
#include "accel/state.h"
#include "mayfly/results.h"
#include "util/log.h"
#include "vaccel.h"

static bool is_live(const struct vaccel_resource *resource, const struct vaccel_session *session)
{
	return resource && session && resource->id > 0 && session->id > 0 &&
	       resource->type < VACCEL_RESOURCE_MAX;
}

/* Tells the side that runs the session's ops. */
static int announce(struct vaccel_session *session, struct vaccel_resource *resource,
		    vaccel_id_t *remote_id)
{
	*remote_id = 0;
	if (session_is_remote(session))
		return remote_resource_register(session, resource, remote_id);
	if (session->plugin->info->resource_register)
		return session->plugin->info->resource_register(resource, session);
	return VACCEL_OK;
}

static int withdraw(struct vaccel_session *session, struct vaccel_resource *resource,
		    vaccel_id_t remote_id)
{
	if (session_is_remote(session))
		return remote_resource_unregister(session, remote_id);
	if (session->plugin->info->resource_unregister)
		return session->plugin->info->resource_unregister(resource, session);
	return VACCEL_OK;
}

int vaccel_resource_register(struct vaccel_resource *res, struct vaccel_session *sess)
{
	if (!accel_state.initialized)
		return VACCEL_EPERM;
	if (!is_live(res, sess))
		return VACCEL_EINVAL;
	if (registration_exists(sess, res)) {
		vaccel_warn("resource %jd is registered with session %jd already",
			    (intmax_t)res->id, (intmax_t)sess->id);
		return VACCEL_OK;
	}
	int result = resource_open_blobs(res, sess->is_virtio);
	if (result)
		return result;
	vaccel_id_t remote_id;
	mayfly_op_set_reason("");
	result = announce(sess, res, &remote_id);
	if (result) {
		/* Whoever gave a reason has logged it. */
		log_at(*mayfly_op_reason() ? LOG_DEBUG : LOG_ERROR,
		       "resource %jd: session %jd does not take it: %s", (intmax_t)res->id,
		       (intmax_t)sess->id, strerror(result));
		return result;
	}
	result = registration_add(sess, res, remote_id);
	if (result) {
		withdraw(sess, res, remote_id);
		return result == VACCEL_EEXIST ? VACCEL_OK : result;
	}
	vaccel_debug("resource %jd: registered with session %jd", (intmax_t)res->id,
		     (intmax_t)sess->id);
	return VACCEL_OK;
}

int vaccel_resource_unregister(struct vaccel_resource *res, struct vaccel_session *sess)
{
	if (!accel_state.initialized)
		return VACCEL_EPERM;
	if (!is_live(res, sess))
		return VACCEL_EINVAL;
	struct registration *link = registration_remove(sess, res);
	if (!link)
		return VACCEL_EINVAL;
	int result = withdraw(sess, res, link->remote_id);
	free(link);
	vaccel_debug("resource %jd: unregistered from session %jd", (intmax_t)res->id,
		     (intmax_t)sess->id);
	return result;
}

int vaccel_resource_sync(struct vaccel_resource *res, struct vaccel_session *sess)
{
	if (!accel_state.initialized)
		return VACCEL_EPERM;
	if (!is_live(res, sess))
		return VACCEL_EINVAL;
	if (!registration_exists(sess, res))
		return VACCEL_EPERM;
	if (!res->nr_blobs || res->blobs[0]->type != VACCEL_BLOB_BUFFER)
		return VACCEL_EINVAL;
	/* A transport's other side works on a copy that no op of this version writes to. */
	if (session_is_remote(sess) || !sess->plugin->info->resource_sync)
		return VACCEL_OK;
	return sess->plugin->info->resource_sync(res, sess);
}

int vaccel_resource_get_by_id(struct vaccel_resource **res, vaccel_id_t id)
{
	if (!accel_state.initialized)
		return VACCEL_EPERM;
	if (!res)
		return VACCEL_EINVAL;
	struct vaccel_resource *found = id_table_find(&accel_state.resources, id);
	if (!found)
		return VACCEL_ENOENT;
	*res = found;
	return VACCEL_OK;
}

static bool has_type(const void *resource, int type)
{
	return (int)((const struct vaccel_resource *)resource)->type == type;
}

int vaccel_resource_get_by_type(struct vaccel_resource **res, vaccel_resource_type_t type)
{
	if (!accel_state.initialized)
		return VACCEL_EPERM;
	if (!res || type >= VACCEL_RESOURCE_MAX)
		return VACCEL_EINVAL;
	vaccel_id_t cursor = 0;
	struct vaccel_resource *found =
	    id_table_next(&accel_state.resources, &cursor, has_type, (int)type);
	if (!found)
		return VACCEL_ENOENT;
	*res = found;
	return VACCEL_OK;
}

int vaccel_resource_get_all_by_type(struct vaccel_resource ***res, size_t *nr_found,
				    vaccel_resource_type_t type)
{
	if (!accel_state.initialized)
		return VACCEL_EPERM;
	if (!res || !nr_found || type >= VACCEL_RESOURCE_MAX)
		return VACCEL_EINVAL;
	*nr_found = 0;
	struct vaccel_resource **found = NULL;
	size_t count = 0;
	size_t room = 0;
	vaccel_id_t cursor = 0;
	struct vaccel_resource *resource;
	while ((resource = id_table_next(&accel_state.resources, &cursor, has_type, (int)type))) {
		if (count == room) {
			room = room ? 2 * room : 16;
			struct vaccel_resource **larger =
			    reallocarray(found, room, sizeof(struct vaccel_resource *));
			if (!larger) {
				free(found);
				return VACCEL_ENOMEM;
			}
			found = larger;
		}
		found[count++] = resource;
	}
	if (!count)
		return VACCEL_ENOENT;
	*res = found;
	*nr_found = count;
	return VACCEL_OK;
}

long int vaccel_resource_refcount(const struct vaccel_resource *res)
{
	if (!res)
		return -VACCEL_EINVAL;
	return (long)atomic_load(&res->refcount);
}
