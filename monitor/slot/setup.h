/* What a set-up leaves behind: a slot that is given one serves no request, but runs a program until
 * it waits for its first. What the program writes and asks of the accelerator host is kept here,
 * for the clones. */
#ifndef MAYFLY_MONITOR_SETUP_H
#define MAYFLY_MONITOR_SETUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "accelerator.h"
#include "monitor/isolation/isolation.h"
#include "setup_output.h"

/* What a kind of guest keeps of a frozen machine beside its memory. */
struct guest_state {
	struct machine_state machine;
	uint8_t *devices; /* their states (devices/bus.h); NULL: none */
	size_t devices_length;
};

struct setup {
	struct setup_output output; /* what is written until the program waits */
	struct accelerator_journal journal;
	struct guest_state state;
	/* A request to warm up with, whose response is thrown away; NULL: none. */
	const uint8_t *warm_up;
	size_t warm_up_length;
	bool warming_up; /* the program is at it */
	bool listens;	 /* it waits for requests over connections to it */
};

#endif
