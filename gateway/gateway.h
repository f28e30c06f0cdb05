/* The gateway as a whole. */
#ifndef MAYFLY_GATEWAY_GATEWAY_H
#define MAYFLY_GATEWAY_GATEWAY_H

#include "supervisor/supervisor.h"

/* Opens state, prepares what is deployed, serves until SIGTERM or SIGINT, and ends all. `ready` is called once
 * it serves. 0 or a negative errno. */
int gateway_run(const struct supervisor_settings *settings, void (*ready)(void *context),
		void *context, struct error *error);

#endif
