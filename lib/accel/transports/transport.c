/* The transport of remote sessions; see transport.h. */
#include "accel/transports/transport.h"

#include "accel/state/build.h"
#include "accel/state/state.h"
#include "util/lock.h"
#include "util/log.h"
#include "vaccel/error.h"
#include "vaccel/log.h"

void transport_attach(struct accel_transport *transport)
{
	if (accel_state.transport)
		accel_state.transport->close(accel_state.transport);
	accel_state.transport = transport;
}

int transport_ensure(void)
{
	lock_scoped(&accel_state.transport_lock);
	int result = accel_state.transport ? VACCEL_OK : VACCEL_ENOTSUP;
	for (const struct transport_kind *const *kind = accel_build.transports;
	     result == VACCEL_ENOTSUP && *kind; kind++) {
		struct accel_transport *transport;
		result = (*kind)->open(&transport);
		if (result)
			continue;
		log_debug("remote sessions are served by the %s", (*kind)->name);
		transport_attach(transport);
	}
	return result;
}
