/* Sessions, as other parts of the library see them. */
#ifndef MAYFLY_ACCEL_SESSIONS_SESSION_H
#define MAYFLY_ACCEL_SESSIONS_SESSION_H

#include "vaccel/session.h"

/* True where a transport, not a plugin, serves the session. */
static inline bool session_is_remote(const struct vaccel_session *session)
{
	return session->is_virtio && !session->plugin;
}

#endif
