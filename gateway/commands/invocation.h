/* Requests of functions: from what the worker sends to a revision, and back. As struct call_handler says. */
#ifndef MAYFLY_GATEWAY_INVOCATION_H
#define MAYFLY_GATEWAY_INVOCATION_H

#include "supervisor/peer.h"

void invocation_begin(struct call *call);
int invocation_body(struct call *call, const struct link_message *message);
void invocation_forget_body(struct call *call);
void invocation_count(struct call *call, unsigned code, uint64_t total_ns);

#endif
