/* Messages to the accelerator host, sound ones to be broken by attacks. */
#ifndef MAYFLY_TESTS_HOSTILE_MESSAGES_H
#define MAYFLY_TESTS_HOSTILE_MESSAGES_H

#include <stdint.h>

#include "accel/wire/call.h"

/* The arena, where messages lie. */
struct wire_header *message_header(void);

/* Puts the call into the arena; returns the message's extent. */
uint64_t message_encode(const struct accel_call *call);

/* Has the message served; 0, or what the hypercall says. */
int message_ring(uint64_t extent);

/* The call's status, 0 or a VACCEL_ code; -1 where the message was refused. */
int message_call(const struct accel_call *call);

/* The call that opens a session; `call` points into the rest. */
struct session_call {
	uint32_t flags;
	int64_t id; /* of the session; 0 before */
	struct vaccel_arg input, output;
	struct accel_call call;
};
void message_prepare_session(struct session_call *session);

/* The number of a new session, or -1. */
int64_t message_open_session(void);
int message_noop(int64_t session);

/* Registers a model of the guest's own and runs it on one int64; the op's status. */
int message_run_model(const void *model, uint64_t length, int64_t input);

#endif
