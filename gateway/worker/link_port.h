/* The worker's end of the link: messages in their order, and never a thread that waits to send one. */
#ifndef MAYFLY_GATEWAY_LINK_PORT_H
#define MAYFLY_GATEWAY_LINK_PORT_H

#include "link/link.h"
#include "loop/event_loop.h"
#include "util/error.h"

struct link_port;

/* `receive` is called by the loop's thread. When the other side is gone or talks nonsense, the loop is
 * stopped. */
int link_port_open(struct link_port **port, int socket, struct event_loop *loop,
		   void (*receive)(void *context, const struct link_message *message),
		   void *context, struct error *error);

/* Sends what waits, as far as there is room. */
void link_port_close(struct link_port *port);

/* Thread-safe. */
void link_port_send(struct link_port *port, struct link_message message);

/* The same within two milliseconds, or with the next message: for what nobody waits for, so that the other
 * side is not woken for it alone. For the loop's thread. */
void link_port_send_soon(struct link_port *port, struct link_message message);

#endif
