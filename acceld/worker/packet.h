/* A packet of the protocol, before anybody looks at what it means. */
#ifndef MAYFLY_ACCELD_PACKET_H
#define MAYFLY_ACCELD_PACKET_H

#include <stdbool.h>
#include <sys/types.h>

#include "mayfly/wire.h"

/* True where `length` bytes that came are a packet of this protocol. */
static inline bool protocol_is_packet(const struct wire_packet *packet, ssize_t length)
{
	return length == (ssize_t)sizeof(*packet) && packet->magic == WIRE_MAGIC &&
	       packet->version == WIRE_VERSION;
}

#endif
