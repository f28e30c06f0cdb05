/* What the packets of a client mean (mayfly/wire.h), whatever brings them: no socket is
 * known here. */
#ifndef MAYFLY_ACCELD_PROTOCOL_H
#define MAYFLY_ACCELD_PROTOCOL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "acceld/transports/client_window.h"
#include "acceld/worker/packet.h"
#include "mayfly/wire.h"

struct client;

/* The answer to `packet`: 0 or a positive errno in `status`. */
struct wire_packet protocol_answer(const struct wire_packet *packet, int status, bool unchanged);

enum protocol_course {
	PROTOCOL_ANSWERS, /* and goes on */
	PROTOCOL_GOES_ON, /* without an answer */
	PROTOCOL_ENDS	  /* the connection must */
};

/* Serves a packet that came after the hello. The client's messages lie in `window`, and its ops may
 * take `op_limit_ns`, or less where the packet says so. */
enum protocol_course protocol_serve(struct client *client, const struct client_window *window,
				    uint64_t op_limit_ns, const struct wire_packet *packet,
				    struct wire_packet *answer);

#endif
