/* What a session's calls have taken; see mayfly/session_statistics.h. */
#include "mayfly/session_statistics.h"

#include "accel/sessions/session.h"
#include "accel/transports/remote.h"
#include "vaccel/error.h"

int mayfly_session_statistics(struct vaccel_session *session,
			      struct mayfly_session_statistics *statistics)
{
	if (!session || session->id < 1 || !statistics)
		return VACCEL_EINVAL;
	return session_is_remote(session) && remote_statistics(session, statistics)
		   ? VACCEL_OK
		   : VACCEL_ENOTSUP;
}
