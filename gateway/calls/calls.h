/* Asynchronous calls: kept in the store, run when their function has room, told to whoever wants to know. */
#ifndef MAYFLY_GATEWAY_CALLS_H
#define MAYFLY_GATEWAY_CALLS_H

#include <stdint.h>

#include "supervisor/supervisor.h"

struct call;

int calls_open(struct supervisor *supervisor, struct error *error);
/* Ends the courier: what it still says is posted to the loop. */
void calls_stop(struct supervisor *supervisor);
void calls_close(struct supervisor *supervisor);
void calls_post_spans(struct supervisor *supervisor);
void calls_tick(struct supervisor *supervisor, uint64_t now_ns);

/* One has come. */
void calls_note_new(struct supervisor *supervisor);

/* Keeps it in the store; answers 202 when it is safe. */
void call_keep(struct call *call);

#endif
