/* What the HTTP worker keeps when it gives up its rights: what it has open, memory, and threads. */
#ifndef MAYFLY_GATEWAY_RIGHTS_H
#define MAYFLY_GATEWAY_RIGHTS_H

#include "confine/confine.h"

extern const struct confine_call worker_calls[];
extern const size_t worker_call_count;

/* For good. Before the first byte from the network is read. */
void worker_confine(struct confine_report *report);

#endif
