/* What a monitor of guest processes must be allowed. */
#ifndef MAYFLY_MONITOR_PROCESS_RIGHTS_H
#define MAYFLY_MONITOR_PROCESS_RIGHTS_H

#include "monitor/isolation/isolation.h"

extern const struct machine_rights process_rights;

/* And for guests with direct calls; what those call themselves is their kind's to say. */
extern const struct machine_rights process_direct_rights;

#endif
