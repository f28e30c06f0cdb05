/* What the supervisor tells a worker about where clients come from: one message for each listener
 * that is there when the worker starts, and for each change. */
#ifndef MAYFLY_ACCELD_LISTENER_MESSAGE_H
#define MAYFLY_ACCELD_LISTENER_MESSAGE_H

#include <stdint.h>

#include "acceld/common/policy.h"

enum listener_kind {
	/* Clients of the host's own user: each process is a tenant, with policy_default. */
	LISTENER_OWN,
	LISTENER_ACCEPT,   /* a SOCK_SEQPACKET socket, which is a tenant */
	LISTENER_HANDOVER, /* connections come from a relay (handover.h), which is a tenant's */
	LISTENER_KINDS
};

enum listener_action {
	LISTENER_ADD,	 /* its descriptor comes along */
	LISTENER_CHANGE, /* another policy */
	LISTENER_REMOVE, /* with all its connections */
	LISTENER_ACTIONS
};

struct listener_message {
	uint32_t action, kind;
	uint64_t number;      /* of the listener and of its tenant; never used for another one */
	struct policy policy; /* of ADD and CHANGE, but of no LISTENER_OWN */
};

/* Sends it without waiting; `listener` goes along with ADD and stays the caller's. 0, -EAGAIN or
 * another negative errno. */
int listener_message_send(int control, const struct listener_message *message, int listener);

/* Receives the next one without waiting; *listener is the caller's, -1 where the message is no ADD.
 * 0, -EAGAIN, -EPIPE where the supervisor has gone, or -EPROTO. */
int listener_message_receive(int control, struct listener_message *message, int *listener);

#endif
