/* Sessions and resources on the other side of a transport. All return 0 or a VACCEL_E… code. */
#ifndef MAYFLY_ACCEL_TRANSPORTS_REMOTE_H
#define MAYFLY_ACCEL_TRANSPORTS_REMOTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vaccel/arg.h"
#include "vaccel/resource.h"
#include "vaccel/session.h"

struct mayfly_session_statistics;

/* One call in the session, with the deadline of this thread; see accel_call. */
int remote_call(const struct vaccel_session *session, uint16_t op, const struct vaccel_arg *inputs,
		size_t input_count, struct vaccel_arg *outputs, size_t output_count,
		const uint32_t *output_flags);

/* Opens and closes the other side's session; its id is session->remote_id. Where the transport gives
 * each session one of its own, that is session->priv. */
int remote_session_open(struct vaccel_session *session, uint32_t flags);
int remote_session_close(struct vaccel_session *session);

/* Memory of the session that the other side sees (accel/transports/transport.h). */
void *remote_memory_take(const struct vaccel_session *session, size_t size);
bool remote_memory_give(const struct vaccel_session *session, void *memory);

/* False where nothing is counted. */
bool remote_statistics(const struct vaccel_session *session,
		       struct mayfly_session_statistics *statistics);

/* Sends the resource's name or bytes, and forgets them again. */
int remote_resource_register(const struct vaccel_session *session, struct vaccel_resource *resource,
			     vaccel_id_t *remote_id);
int remote_resource_unregister(const struct vaccel_session *session, vaccel_id_t remote_id);

#endif
