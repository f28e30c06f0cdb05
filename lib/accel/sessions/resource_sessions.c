/* Resources and the sessions that use them: registering, finding. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "accel/resources/registration.h"
#include "accel/resources/resource.h"
#include "accel/sessions/session.h"
#include "accel/state/build.h"
#include "accel/state/list.h"
#include "accel/state/state.h"
#include "accel/transports/remote.h"
#include "mayfly/results.h"
#include "util/lock.h"
#include "util/log.h"
#include "vaccel.h"

static bool is_live(const struct vaccel_resource *resource, const struct vaccel_session *session)
{
	return resource && session && resource->id > 0 && session->id > 0 &&
	       resource->type < VACCEL_RESOURCE_MAX;
}

/* Tells the side that runs the session's ops. */
static int announce(struct vaccel_session *session, struct vaccel_resource *resource,
		    vaccel_id_t *remote_id, struct vaccel_plugin **plugin)
{
	*remote_id = 0;
	*plugin = NULL;
	mayfly_op_set_reason("");
	if (session_is_remote(session))
		return remote_resource_register(session, resource, remote_id);
	return accel_build.in_process ? accel_build.in_process->take(session, resource, plugin)
				      : VACCEL_ENOTSUP;
}

static int withdraw(struct vaccel_session *session, struct vaccel_resource *resource,
		    vaccel_id_t remote_id, const struct vaccel_plugin *plugin)
{
	if (session_is_remote(session))
		return remote_resource_unregister(session, remote_id);
	if (plugin && plugin->info->resource_unregister)
		return plugin->info->resource_unregister(resource, session);
	return VACCEL_OK;
}

int vaccel_resource_register(struct vaccel_resource *res, struct vaccel_session *sess)
{
	if (!accel_state.initialized)
		return VACCEL_EPERM;
	if (!is_live(res, sess))
		return VACCEL_EINVAL;
	/* A resource that no session has needs no look. */
	if (atomic_load(&res->refcount) && registration_exists(sess, res)) {
		log_warn("resource %jd is registered with session %jd already", (intmax_t)res->id,
			 (intmax_t)sess->id);
		return VACCEL_OK;
	}
	/* A plugin that passes work on passes on URLs, too. */
	bool is_passed_on = sess->plugin && sess->is_virtio;
	int result = VACCEL_OK;
	if (!is_passed_on || res->path_type != VACCEL_PATH_REMOTE_FILE)
		result = resource_open_blobs(res, sess->is_virtio);
	if (result)
		return result;
	vaccel_id_t remote_id;
	struct vaccel_plugin *plugin;
	result = announce(sess, res, &remote_id, &plugin);
	if (result) {
		/* If there is a reason, it has been logged already. */
		log_at(*mayfly_op_reason() ? LOG_DEBUG : LOG_ERROR,
		       "resource %jd: session %jd does not take it: %s", (intmax_t)res->id,
		       (intmax_t)sess->id, strerror(result));
		return result;
	}
	result = registration_add(sess, res, remote_id, plugin);
	if (result) {
		withdraw(sess, res, remote_id, plugin);
		return result == VACCEL_EEXIST ? VACCEL_OK : result;
	}
	log_debug("resource %jd: registered with session %jd", (intmax_t)res->id,
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
	int result = withdraw(sess, res, link->remote_id, link->plugin);
	free(link);
	log_debug("resource %jd: unregistered from session %jd", (intmax_t)res->id,
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
	const struct vaccel_plugin *plugin = registration_plugin(sess, res->id);
	if (session_is_remote(sess) || !plugin)
		return VACCEL_OK;
	if (!plugin->info->resource_sync)
		return plugin->info->is_virtio ? VACCEL_ENOTSUP : VACCEL_OK;
	return plugin->info->resource_sync(res, sess);
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

int vaccel_resource_get_by_type(struct vaccel_resource **res, vaccel_resource_type_t type)
{
	if (!accel_state.initialized)
		return VACCEL_EPERM;
	if (!res || type >= VACCEL_RESOURCE_MAX)
		return VACCEL_EINVAL;
	const struct vaccel_list_entry *all = &accel_state.all_resources[type];
	lock_scoped(&accel_state.resources.lock);
	if (list_is_empty(all))
		return VACCEL_ENOENT;
	*res = list_container(all->next, struct vaccel_resource, entry);
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
	const struct vaccel_list_entry *all = &accel_state.all_resources[type];
	lock_scoped(&accel_state.resources.lock);
	size_t count = 0;
	list_for_each(entry, all) count++;
	if (!count)
		return VACCEL_ENOENT;
	struct vaccel_resource **found = calloc(count, sizeof(struct vaccel_resource *));
	if (!found)
		return VACCEL_ENOMEM;
	list_for_each(entry, all) found[(*nr_found)++] =
	    list_container(entry, struct vaccel_resource, entry);
	*res = found;
	return VACCEL_OK;
}

long int vaccel_resource_refcount(const struct vaccel_resource *res)
{
	if (!res)
		return -VACCEL_EINVAL;
	return (long)atomic_load(&res->refcount);
}
