/* The first start of an image: what the program does, and its snapshot. */
#ifndef MAYFLY_GATEWAY_SETUP_H
#define MAYFLY_GATEWAY_SETUP_H

#include <stdbool.h>
#include <stdint.h>

#include "mayfly/function.h"
#include "util/error.h"

/* What is started, and who waits for it. */
struct setup {
	/* As for mayfly_function_open(): program, arguments, memory, time-out, `save` … The log, the event and
	 * the thread are the set-up's own. */
	struct mayfly_description description;
	const char *name; /* for sentences */
	bool (*unwanted)(void *context);
	void *context;
};

/* What was found out. */
struct setup_result {
	bool
	    frozen; /* it waits for a request, and there is a snapshot; else it ended by itself, with 0 */
	bool listens;	    /* that is, for a connection to it */
	bool takes_devices; /* it is no program of Linux: its machine has what it is given */
	char isolation[16];
};

/* Starts it and waits. EINVAL with a sentence and the end of its log where it is not fit to serve requests;
 * ECANCELED where nobody wants it any more. */
int setup_run(const struct setup *setup, struct setup_result *result, struct error *error);

#endif
