/* Calls of functions: from the client's request to the supervisor, and from what the program writes to the
 * client's response. All under the call's lock. */
#ifndef MAYFLY_GATEWAY_INVOKE_H
#define MAYFLY_GATEWAY_INVOKE_H

#include "worker/call.h"

/* The head has come. Refuses the call where it cannot be made. */
void invoke_begin(struct call *call);

/* Part of the body. */
void invoke_body(struct call *call, const uint8_t *data, size_t length);

/* The request is complete. */
void invoke_complete(struct call *call);

/* LINK_PART, LINK_DONE. */
void invoke_part(struct call *call, const struct link_message *message);
void invoke_done(struct call *call, const struct link_message *message);

#endif
