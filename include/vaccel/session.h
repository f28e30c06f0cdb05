/* Sessions: what ops run in. A session is bound to one plugin, or to a remote side,
 * for its life. */
#ifndef VACCEL_SESSION_H
#define VACCEL_SESSION_H

#include <limits.h>
#include <linux/limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "export.h"
#include "id.h"
#include "list.h"
#include "resource.h"

#ifdef __cplusplus
extern "C" {
#endif

struct vaccel_plugin;

/* The caller may own the struct, but only this library writes it. */
struct vaccel_session {
	vaccel_id_t id;
	vaccel_id_t remote_id; /* on the remote side; 0 for a local session */
	unsigned int hint;
	bool is_virtio;	       /* remote */
	char rundir[PATH_MAX]; /* the session's directory; made when somebody puts a file there */
	struct vaccel_list_entry entry;
	struct vaccel_list_entry resources[VACCEL_RESOURCE_MAX]; /* registrations, by type */
	size_t resource_counts[VACCEL_RESOURCE_MAX];
	pthread_mutex_t resources_lock;
	struct vaccel_plugin *plugin; /* NULL where a transport serves the session */
	void *priv;		      /* for the plugin */
};

/* Opens a session. `flags` is a bit mask of vaccel_plugin_type_t: the first plugin with one of the
 * types is taken, else the first local one; VACCEL_PLUGIN_REMOTE asks for a remote session.
 * VACCEL_ESESS before bootstrap, VACCEL_ENOTSUP without a plugin, VACCEL_EUSERS above 16384 (in a
 * guest: 1024). */
VACCEL_API int vaccel_session_init(struct vaccel_session *sess, uint32_t flags);

/* Unregisters all resources and closes the session; no op may be under way in it. */
VACCEL_API int vaccel_session_release(struct vaccel_session *sess);

/* The same on the heap; vaccel_session_delete() frees it. */
VACCEL_API int vaccel_session_new(struct vaccel_session **sess, uint32_t flags);
VACCEL_API int vaccel_session_delete(struct vaccel_session *sess);

/* The live session with this id (VACCEL_ENOENT). The pointer is not counted. */
VACCEL_API int vaccel_session_get_by_id(struct vaccel_session **sess, vaccel_id_t id);

/* Resources that are registered with the session, in the order of registration. The caller frees
 * the array of resources_by_type. VACCEL_ENOENT: none. */
VACCEL_API bool vaccel_session_has_resource(struct vaccel_session *sess,
					    struct vaccel_resource *res);
VACCEL_API int vaccel_session_resource_by_id(struct vaccel_session *sess,
					     struct vaccel_resource **res, vaccel_id_t id);
VACCEL_API int vaccel_session_resource_by_type(struct vaccel_session *sess,
					       struct vaccel_resource **res,
					       vaccel_resource_type_t type);
VACCEL_API int vaccel_session_resources_by_type(struct vaccel_session *sess,
						struct vaccel_resource ***resources,
						size_t *nr_found, vaccel_resource_type_t type);

/* Chooses the session's plugin again. VACCEL_ENOTSUP while resources are registered. */
VACCEL_DEPRECATED("open a new session instead")
VACCEL_API int vaccel_session_update(struct vaccel_session *sess, uint32_t flags);

VACCEL_DEPRECATED("use vaccel_session_init()")
VACCEL_API int vaccel_sess_init(struct vaccel_session *sess, uint32_t flags);
VACCEL_DEPRECATED("open a new session instead")
VACCEL_API int vaccel_sess_update(struct vaccel_session *sess, uint32_t flags);
VACCEL_DEPRECATED("use vaccel_session_release()")
VACCEL_API int vaccel_sess_free(struct vaccel_session *sess);
VACCEL_DEPRECATED("use vaccel_session_has_resource()")
VACCEL_API bool vaccel_sess_has_resource(struct vaccel_session *sess, struct vaccel_resource *res);

#ifdef __cplusplus
}
#endif

#endif
