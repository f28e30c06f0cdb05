/* Life of sessions. */
#include "accel/session.h"

#include <stdlib.h>
#include <string.h>

#include "accel/list.h"
#include "accel/plugin.h"
#include "accel/registration.h"
#include "accel/remote.h"
#include "accel/rundir.h"
#include "accel/state.h"
#include "mayfly/results.h"
#include "util/lock.h"
#include "util/log.h"
#include "vaccel.h"

#ifdef VACCEL_GUEST
/* A guest's library starts with its first session, so that programs which use none pay nothing;
 * every session is served by the window then. */
static int library_ensure(void)
{
	if (!accel_state.initialized) {
		int result = vaccel_bootstrap();
		if (result)
			return result;
	}
	if (accel_state.transport)
		return VACCEL_OK;
	struct accel_transport *window;
	int result = accel_transport_window_open(&window);
	if (!result)
		accel_transport_attach(window);
	return result;
}

static bool session_wants_transport(uint32_t flags)
{
	(void)flags;
	return true;
}
#else
static int library_ensure(void)
{
	return accel_state.initialized ? VACCEL_OK : VACCEL_ESESS;
}

static bool session_wants_transport(uint32_t flags)
{
	return (flags & VACCEL_PLUGIN_REMOTE) && accel_state.transport;
}
#endif

/* Finds out who serves the session: a transport or a plugin. */
static int session_bind(struct vaccel_session *session, uint32_t flags)
{
	session->plugin = NULL;
	session->is_virtio = false;
	session->remote_id = 0;
	mayfly_op_set_reason("");
	if (session_wants_transport(flags)) {
		session->is_virtio = true;
		return remote_session_open(session, flags & ~(uint32_t)VACCEL_PLUGIN_REMOTE);
	}
	struct vaccel_plugin *plugin = plugin_find(flags);
	if (!plugin) {
		vaccel_error("no plugin serves this session: name some in VACCEL_PLUGINS, for "
			     "example VACCEL_PLUGINS=onnx");
		return VACCEL_ENOTSUP;
	}
	if (plugin->info->is_virtio) {
		if (!plugin->info->session_init)
			return VACCEL_ENOTSUP;
		int result =
		    plugin->info->session_init(session, flags & ~(uint32_t)VACCEL_PLUGIN_REMOTE);
		if (result)
			return result;
		session->is_virtio = true;
	}
	session->plugin = plugin;
	return VACCEL_OK;
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

	sess->id = id_table_add(&accel_state.sessions, sess);
	if (!sess->id) {
		vaccel_error("there are %d sessions already; release some", SESSIONS_MAX);
		return VACCEL_EUSERS;
	}
	result = session_bind(sess, flags);
	if (result) {
		id_table_remove(&accel_state.sessions, sess->id, sess);
		sess->id = 0;
		sess->plugin = NULL;
		sess->is_virtio = false;
		/* Whoever gave a reason has logged it. */
		log_at(*mayfly_op_reason() ? LOG_DEBUG : LOG_ERROR,
		       "cannot open a session with flags 0x%x: %s", flags, strerror(result));
		return result;
	}
	rundir_name(sess->rundir, "session", sess->id);
	pthread_mutex_init(&sess->resources_lock, NULL);
	vaccel_debug("session %jd: opened, served by %s", (intmax_t)sess->id,
		     sess->plugin ? sess->plugin->info->name : "a transport");
	return VACCEL_OK;
}

static int session_unbind(struct vaccel_session *session)
{
	if (session_is_remote(session))
		return remote_session_close(session);
	if (session->is_virtio && session->plugin->info->session_release)
		return session->plugin->info->session_release(session);
	return VACCEL_OK;
}

int vaccel_session_release(struct vaccel_session *sess)
{
	if (!sess || sess->id < 1)
		return VACCEL_EINVAL;
	if (!accel_state.initialized)
		return VACCEL_ESESS;
	if (id_table_find(&accel_state.sessions, sess->id) != sess)
		return VACCEL_EINVAL;

	struct vaccel_resource *resource;
	while ((resource = registration_first_resource(sess)))
		vaccel_resource_unregister(resource, sess);

	/* The session ends, whether the other side hears of it or not. */
	int result = session_unbind(sess);
	if (result)
		vaccel_warn("session %jd: the other side did not release it: %s",
			    (intmax_t)sess->id, strerror(result));
	rundir_remove_below(sess->rundir);
	pthread_mutex_destroy(&sess->resources_lock);
	vaccel_debug("session %jd: released", (intmax_t)sess->id);
	id_table_remove(&accel_state.sessions, sess->id, sess);
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
	/* A session that is none was not made by vaccel_session_new(). */
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
	if (!sess || sess->id < 1)
		return VACCEL_EINVAL;
	if (!accel_state.initialized)
		return VACCEL_ESESS;
	if (session_is_remote(sess))
		return VACCEL_ENOTSUP;
	if (sess->is_virtio) {
		if (!sess->plugin->info->session_update)
			return VACCEL_ENOTSUP;
		int result = sess->plugin->info->session_update(
		    sess, flags & ~(uint32_t)VACCEL_PLUGIN_REMOTE);
		if (!result)
			sess->hint = flags;
		return result;
	}
	if (registration_first_resource(sess)) {
		vaccel_error("session %jd: cannot change its plugin while it has resources",
			     (intmax_t)sess->id);
		return VACCEL_ENOTSUP;
	}
	struct vaccel_plugin *plugin = plugin_find(flags & ~(uint32_t)VACCEL_PLUGIN_REMOTE);
	if (!plugin || plugin->info->is_virtio)
		return VACCEL_ENOTSUP;
	sess->plugin = plugin;
	sess->hint = flags;
	return VACCEL_OK;
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
