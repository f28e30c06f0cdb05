/* The process: what it is started with, until its end. */
#ifndef MAYFLY_GATEWAY_PROCESS_H
#define MAYFLY_GATEWAY_PROCESS_H

#include "util/error.h"
#include "worker/worker.h"

/* Takes what is in the descriptors of enum link_descriptor. */
int process_open(struct worker *worker, struct error *error);

/* Begins to listen. What the process does from here on is what worker_calls[] has. */
int process_start(struct worker *worker, struct error *error);

/* Until the supervisor is gone, or has said LINK_QUIT and all is answered. */
int process_run(struct worker *worker, struct error *error);
void process_close(struct worker *worker);

#endif
