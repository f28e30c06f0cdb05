/* Life of sessions. */
#include "accel/sessions/session.h"

#include <stdlib.h>
#include <string.h>

#include "accel/resources/registration.h"
#include "accel/state/build.h"
#include "accel/state/list.h"
#include "accel/state/rundir.h"
#include "accel/state/state.h"
#include "accel/transports/remote.h"
#include "accel/transports/transport.h"
#include "mayfly/results.h"
#include "util/lock.h"
#include "util/log.h"
#include "vaccel.h"

static int library_ensure(void)
{
	if (accel_build.in_process)
		return accel_state.initialized ? VACCEL_OK : VACCEL_ESESS;
	int result = accel_state.initialized ? VACCEL_OK : vaccel_bootstrap();
	return result ? result : transport_ensure();
}

/* 0 where a transport serves such sessions; VACCEL_ENOTSUP where plugins of this process have to; or
 * why there is no transport. */
static int choose_transport(uint32_t flags)
{
	if (!accel_build.in_process)
		return VACCEL_OK;
	return accel_build.in_process->serves(flags) ? VACCEL_ENOTSUP : transport_ensure();
}

/* Finds out who serves the session: a transport or a plugin. */
static int session_bind(struct vaccel_session *session, uint32_t flags)
{
	session->plugin = NULL;
	session->is_virtio = false;
	session->remote_id = 0;
	mayfly_op_set_reason("");
	int result = choose_transport(flags);
	if (result == VACCEL_ENOTSUP && accel_build.in_process)
		return accel_build.in_process->open(session, flags);
	if (result)
		return result;
	session->is_virtio = true;
	return remote_session_open(session, flags & ~(uint32_t)VACCEL_PLUGIN_REMOTE);
}

int vaccel_session_init(struct vaccel_session *sess, uint32_t flags)
{
	if (!sess)
		return VACCEL_EINVAL;
	int result = library_ensure();
	if (result)
		return result;

	sess->hint = flags;
	sess->priv = NULL;
	for (size_t type = 0; type < VACCEL_RESOURCE_MAX; type++) {
		list_init(&sess->resources[type]);
		sess->resource_counts[type] = 0;
	}
	list_init(&sess->entry);

	sess->id =
	    id_table_add(&accel_state.sessions, sess, &accel_state.all_sessions, &sess->entry);
	if (!sess->id) {
		log_error("there are %u sessions already; release some", accel_build.sessions_max);
		return VACCEL_EUSERS;
	}
	result = session_bind(sess, flags);
	if (result) {
		id_table_remove(&accel_state.sessions, sess->id, sess, &sess->entry);
		sess->id = 0;
		sess->plugin = NULL;
		sess->is_virtio = false;
		/* If there is a reason, it has been logged already. */
		log_at(*mayfly_op_reason() ? LOG_DEBUG : LOG_ERROR,
		       "cannot open a session with flags 0x%x: %s", flags, strerror(result));
		return result;
	}
	rundir_name(sess->rundir, "session", sess->id);
	pthread_mutex_init(&sess->resources_lock, NULL);
	log_debug("session %jd: opened, served by %s", (intmax_t)sess->id,
		  sess->plugin ? sess->plugin->info->name : "a transport");
	return VACCEL_OK;
}

static int session_unbind(struct vaccel_session *session)
{
	if (session_is_remote(session))
		return remote_session_close(session);
	return accel_build.in_process ? accel_build.in_process->close(session) : VACCEL_OK;
}

int vaccel_session_release(struct vaccel_session *sess)
{
	if (!sess)
		return VACCEL_EINVAL;
	if (!accel_state.initialized)
		return VACCEL_ESESS;
	if (id_table_find(&accel_state.sessions, sess->id) != sess)
		return VACCEL_EINVAL;

	struct vaccel_resource *resource;
	while ((resource = registration_first_resource(sess)))
		vaccel_resource_unregister(resource, sess);

	/* The session ends, even if the other side cannot be told. */
	int result = session_unbind(sess);
	if (result)
		log_warn("session %jd: the other side did not release it: %s", (intmax_t)sess->id,
			 strerror(result));
	rundir_remove_below(sess->rundir);
	pthread_mutex_destroy(&sess->resources_lock);
	log_debug("session %jd: released", (intmax_t)sess->id);
	id_table_remove(&accel_state.sessions, sess->id, sess, &sess->entry);
	sess->id = 0;
	sess->remote_id = 0;
	sess->is_virtio = false;
	sess->plugin = NULL;
	return result;
}

int vaccel_session_new(struct vaccel_session **sess, uint32_t flags)
{
	if (!sess)
		return VACCEL_EINVAL;
	struct vaccel_session *fresh = malloc(sizeof(*fresh));
	if (!fresh)
		return VACCEL_ENOMEM;
	int result = vaccel_session_init(fresh, flags);
	if (result)
		free(fresh);
	else
		*sess = fresh;
	return result;
}

int vaccel_session_delete(struct vaccel_session *sess)
{
	int result = vaccel_session_release(sess);
	/* NULL, or a session that was not made by vaccel_session_new(). */
	if (result != VACCEL_EINVAL)
		free(sess);
	return result;
}

int vaccel_session_get_by_id(struct vaccel_session **sess, vaccel_id_t id)
{
	if (!accel_state.initialized)
		return VACCEL_EPERM;
	if (!sess)
		return VACCEL_EINVAL;
	struct vaccel_session *found = id_table_find(&accel_state.sessions, id);
	if (!found)
		return VACCEL_ENOENT;
	*sess = found;
	return VACCEL_OK;
}

int vaccel_session_update(struct vaccel_session *sess, uint32_t flags)
{
	if (!sess)
		return VACCEL_EINVAL;
	if (!accel_state.initialized)
		return VACCEL_ESESS;
	if (id_table_find(&accel_state.sessions, sess->id) != sess)
		return VACCEL_EINVAL;
	if (session_is_remote(sess) || !accel_build.in_process)
		return VACCEL_ENOTSUP;
	int result = accel_build.in_process->update(sess, flags);
	if (!result)
		sess->hint = flags;
	return result;
}

/* The names of old. */

int vaccel_sess_init(struct vaccel_session *sess, uint32_t flags)
{
	return vaccel_session_init(sess, flags);
}

int vaccel_sess_update(struct vaccel_session *sess, uint32_t flags)
{
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
	return vaccel_session_update(sess, flags);
#pragma GCC diagnostic pop
}

int vaccel_sess_free(struct vaccel_session *sess)
{
	return vaccel_session_release(sess);
}

bool vaccel_sess_has_resource(struct vaccel_session *sess, struct vaccel_resource *res)
{
	return vaccel_session_has_resource(sess, res);
}
