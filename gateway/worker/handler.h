/* What is done when a client, or the supervisor, says something. */
#ifndef MAYFLY_GATEWAY_HANDLER_H
#define MAYFLY_GATEWAY_HANDLER_H

#include "http/http_server.h"
#include "worker/worker.h"

/* What the servers call; the context is a struct listener. */
extern const struct http_handler handler;

/* For each message of the supervisor but LINK_QUIT. Both are called by the loop's thread. */
void handler_receive(struct worker *worker, const struct link_message *message);

#endif
