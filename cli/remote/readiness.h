/* Whether a function can serve, and waiting until it can. */
#ifndef MAYFLY_CLI_REMOTE_READINESS_H
#define MAYFLY_CLI_REMOTE_READINESS_H

#include <jansson.h>
#include <stdint.h>

#include "cli/remote/gateway.h"
#include "cli/remote/progress.h"
#include "util/error.h"

/* What the gateway says of a function; decref *status. `name_space` NULL: the usual one. */
int readiness_ask(const struct gateway *gateway, const char *name, const char *name_space,
		  uint64_t patience_ns, json_t **status, struct error *error);

/* Waits until the revision that was deployed last serves, or can at the next request. EREMOTEIO:
 * it cannot, for the reason that the gateway gives. ETIMEDOUT after the gateway's patience. */
int readiness_await(const struct gateway *gateway, const char *name, const char *name_space,
		    struct progress *progress, struct error *error);

#endif
