/* What a session's calls to an accelerator host have taken. */
#ifndef MAYFLY_SESSION_STATISTICS_H
#define MAYFLY_SESSION_STATISTICS_H

#include <stdint.h>

#include "vaccel/export.h"
#include "vaccel/session.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Of all calls since the session was opened, those that opened it and registered resources too. Times are
 * in ns. */
struct mayfly_session_statistics {
	uint64_t calls;
	uint64_t failed;    /* with an error of the op, the host or the connection */
	uint64_t bytes_in;  /* of arguments: to the host, */
	uint64_t bytes_out; /* and back */
	uint64_t turn_ns;   /* waited for calls of other threads in this session */
	uint64_t total_ns;  /* from the call to its answer, without that */
	uint64_t host_ns;   /* thereof in the host: waiting there and computing */
};

/* VACCEL_ENOTSUP for a session that plugins of this process serve: it has no figures. Thread-safe. */
VACCEL_API int mayfly_session_statistics(struct vaccel_session *session,
					 struct mayfly_session_statistics *statistics);

#ifdef __cplusplus
}
#endif

#endif
