/* Running guests with direct calls (monitor/isolation/direct.h): what is other than with a library OS. */
#ifndef MAYFLY_MONITOR_PROCESS_DIRECT_H
#define MAYFLY_MONITOR_PROCESS_DIRECT_H

#include "machine.h"

/* run() of the isolation for such a machine. */
int process_direct_run(struct machine_process *self, enum machine_entry entry, uint64_t deadline_ns,
		       struct machine_exit *exit, struct error *error);

#endif
