/* Serving one request for a root directory. */
#ifndef MAYFLY_ROOTD_SERVE_H
#define MAYFLY_ROOTD_SERVE_H

#include <stddef.h>
#include <stdint.h>

#include "mayfly/root_wire.h"
#include "served.h"

/* Answers the request in `message`, whatever that is. What the answer brings besides goes to `extra`,
 * ROOT_WIRE_EXTRA_MAX bytes that the one who asks can see, and where it puts what it wants written:
 * both sides may change them at any time. Nothing is remembered, nothing stays open, no memory is allocated. */
void root_serve(const struct root_served *served, const void *message, size_t length,
		struct root_answer *answer, uint8_t *extra);

#endif
