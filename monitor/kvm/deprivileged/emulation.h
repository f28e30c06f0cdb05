/* A privileged instruction that the monitor does, and what came of it. */
#ifndef MAYFLY_MONITOR_DEPRIVILEGED_EMULATION_H
#define MAYFLY_MONITOR_DEPRIVILEGED_EMULATION_H

#include "instruction.h"

enum emulation_result {
	EMULATION_UNKNOWN, /* no such instruction: the trap is the guest's */
	EMULATION_DONE,	   /* the guest goes on at `next` */
	EMULATION_FAULTS,  /* the instruction has this exception */
	EMULATION_STOPS,   /* done, or to be finished; the machine stops, `exit` says why */
	EMULATION_REFUSED, /* it cannot be done here; `reason` says why */
	EMULATION_TRIPLE,  /* it ended in a triple fault */
};

struct emulation {
	struct instruction instruction;
	uint64_t next; /* behind it, unless it is a jump */
	struct exception exception;
	const char *reason;
	struct machine_exit *exit;
};

static inline enum emulation_result emulation_faults(struct emulation *emulation,
						     struct exception exception)
{
	emulation->exception = exception;
	return EMULATION_FAULTS;
}

static inline enum emulation_result emulation_refused(struct emulation *emulation,
						      const char *reason)
{
	emulation->reason = reason;
	return EMULATION_REFUSED;
}

#endif
