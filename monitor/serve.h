/* The life of a slot and of a request in it: for the monitor's own files; monitor.h has what others
 * use. */
#ifndef MAYFLY_MONITOR_SERVE_H
#define MAYFLY_MONITOR_SERVE_H

#include "monitor/slot/slot.h"

/* Fills the machine, window and connection of *slot. `private`: a clone;
 * else the set-up machine. */
int slot_build(struct slot *slot, struct monitor *monitor, const struct image *image, bool private,
	       struct error *error);
void slot_dismantle(struct slot *slot);

/* Makes the slot of a set-up one of the snapshot that this has left: then it is as a slot that was just opened.
 * False where that cannot be: it is to be closed. */
bool slot_become_clone(struct slot *slot);

/* Begins a request: everything that is new for each clone goes into the window. */
int slot_begin(struct slot *slot, const struct request *request, struct request_result *result,
	       struct error *error);

/* Runs the guest and has its kind serve what it asks for, until it has finished or froze. */
int slot_run(struct slot *slot, enum machine_entry entry, enum slot_end *end, struct error *error);

#endif
