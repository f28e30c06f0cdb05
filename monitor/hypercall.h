/* The hypercalls: what a guest may ask of its monitor. */
#ifndef MAYFLY_MONITOR_HYPERCALL_H
#define MAYFLY_MONITOR_HYPERCALL_H

#include "util/error.h"

struct slot;

enum hypercall_next {
	HYPERCALL_NEXT_CONTINUE,
	HYPERCALL_NEXT_FINISHED, /* slot->result tells how */
	HYPERCALL_NEXT_FROZEN,
};

/* Serves the hypercall in the control page. The guest's mistakes are answered in the control page;
 * an error is the host's, or a response that nobody takes. */
int hypercall_serve(struct slot *slot, enum hypercall_next *next, struct error *error);

/* Puts the next part of the request's data into the request area and says so in the control page.
 */
void hypercall_fill_request(struct slot *slot);

#endif
