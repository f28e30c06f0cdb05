/* The hypercalls: what a guest may ask of its monitor. */
#ifndef MAYFLY_MONITOR_HYPERCALL_H
#define MAYFLY_MONITOR_HYPERCALL_H

#include "monitor/guests/kind.h"

/* Serves the hypercall in the control page. The guest's mistakes are answered in the control page;
 * an error is the host's, or a response that nobody takes. */
int hypercall_serve(struct slot *slot, enum guest_next *next, struct error *error);

/* Takes what stands in the response area when a request or a set-up is over, however it ended: what
 * the program wrote before is its response. If the program ended by itself, *slot->result may
 * change: the response is too long, or its length is impossible. */
int hypercall_take_rest(struct slot *slot, struct error *error);

/* Puts the next part of the request's data into the request area and says so in the control
 * page. */
void hypercall_fill_request(struct slot *slot);

#endif
