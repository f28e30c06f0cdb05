/* Connections on their way from a relay to the worker: each is one message with one descriptor. */
#ifndef MAYFLY_ACCELD_HANDOVER_H
#define MAYFLY_ACCELD_HANDOVER_H

#include <stdint.h>

#include "util/error.h"

/* Hands a connection over through `handover`; `connection` stays the caller's. Waits while the queue
 * is full, `limit_ns` at most. 0 or a negative errno: -ETIMEDOUT, or -EPIPE where nobody will take it. */
int handover_send(int handover, int connection, uint64_t limit_ns, struct error *error);

/* Takes the next connection, if there is one: a Unix socket of the type in *type (SOCK_SEQPACKET or
 * SOCK_STREAM), which is the caller's. Whatever else was sent is thrown away. 0; -EAGAIN where none
 * waits; -EPROTO; or -EPIPE where nobody will send one any more. Does not block. */
int handover_receive(int handover, int *connection, int *type);

#endif
