/* Connecting to an accelerator host by its address. */
#ifndef MAYFLY_ACCEL_TRANSPORTS_DIAL_H
#define MAYFLY_ACCEL_TRANSPORTS_DIAL_H

#include <stdint.h>

#include "accel_link/address.h"

/* As address_parse(), of addresses that one can connect to: -EINVAL with a line that names it. */
int dial_parse(struct address *address, const char *text, struct error *error);

/* Connects a socket, which blocks and is the caller's, by `deadline_ns` (CLOCK_MONOTONIC): names are
 * looked up without regard to it. Of tls the socket below. The socket of unix:// is of SOCK_SEQPACKET
 * where the listener is, else of SOCK_STREAM. 0 or a negative errno. */
int dial(const struct address *address, uint64_t deadline_ns, int *socket, struct error *error);

#endif
