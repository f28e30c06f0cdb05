/* The zygote: the process that tenants' workers are forked from (tenant_channel.h).
 *
 * It has plugins in it that are ready for their first op, and has met no client: what a tenant's
 * worker does shows in no other one. It reads orders of a fixed length from the worker that all
 * clients share, and believes that it wants a worker or none.
 */
#ifndef MAYFLY_ACCELD_ZYGOTE_H
#define MAYFLY_ACCELD_ZYGOTE_H

#include <stdint.h>

#include "util/error.h"

struct zygote_options {
	unsigned workers_max; /* at once */
	uint64_t memory;      /* bytes that each may take */
};

/* Loads the plugins, gives up its rights and serves the socket `orders` for ever; where an engine
 * is missing it ends (0) when it is asked again, for the next one to look for it. Returns in
 * tenants' workers with their exit status. A negative errno: it cannot start. To be called once,
 * while there is one thread. */
int zygote_run(const struct zygote_options *options, int orders, struct error *error);

#endif
