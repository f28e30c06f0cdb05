/* Images that no revision needs any more go. */
#ifndef MAYFLY_GATEWAY_TRIMMING_H
#define MAYFLY_GATEWAY_TRIMMING_H

#include "supervisor/supervisor.h"

/* Looks for them now and then, in the background. */
void trimming_tick(struct supervisor *supervisor, uint64_t now_ns);

#endif
