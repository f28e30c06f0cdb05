/* The HTTP worker's process. */
#ifndef MAYFLY_GATEWAY_WORKER_PROCESS_H
#define MAYFLY_GATEWAY_WORKER_PROCESS_H

#include "supervisor/supervisor.h"

int worker_start(struct supervisor *self, struct error *error);

/* Starts the next one, when its time has come. */
void worker_tick(struct supervisor *self, uint64_t now_ns);

/* Has it answer what there is, and end. */
void worker_quit(struct supervisor *self);
void worker_kill(struct supervisor *self);

#endif
