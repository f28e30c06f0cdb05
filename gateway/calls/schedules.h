/* Functions that are called at the times of a schedule: each time is an asynchronous call without a body. */
#ifndef MAYFLY_GATEWAY_SCHEDULES_H
#define MAYFLY_GATEWAY_SCHEDULES_H

#include "supervisor/supervisor.h"

/* Calls those whose time has come. A time that passed while the gateway was not there is made up for once. */
void schedules_tick(struct supervisor *supervisor);

#endif
