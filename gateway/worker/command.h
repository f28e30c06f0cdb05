/* Commands: from JSON to the supervisor's records, and back. All under the call's lock. */
#ifndef MAYFLY_GATEWAY_COMMAND_H
#define MAYFLY_GATEWAY_COMMAND_H

#include "worker/call.h"

void command_begin(struct call *call);
void command_body(struct call *call, const void *data, size_t length);
void command_complete(struct call *call);

/* LINK_PART, LINK_DONE. */
void command_part(struct call *call, const struct link_message *message);
void command_done(struct call *call, const struct link_message *message);

#endif
