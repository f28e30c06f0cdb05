/* Sessions: each has a connection to the worker of its own, and a thread that serves its calls one
 * after the other. So calls of several sessions run beside each other, and are answered as they end.
 */
#ifndef MAYFLY_ACCELD_RPC_SESSION_H
#define MAYFLY_ACCELD_RPC_SESSION_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vaccel/arg.h"

struct accel_transport;
struct rpc_call;
struct rpc_client;
struct rpc_resource;

struct rpc_registration;

struct rpc_session {
	struct rpc_client *client;
	pthread_t thread;

	/* Protected by the client's lock. */
	struct rpc_session *next;
	int64_t id;		/* 0: not open yet, or not any more */
	bool ended;		/* only to be joined */
	int hangup;		/* its connection, to be shut down when the client goes; -1: none */
	pthread_cond_t work;	/* a call has come, or the client goes */
	struct rpc_call *calls; /* to be served, the oldest first */
	struct rpc_call **last_call;

	/* Of its thread. */
	struct accel_transport *transport;
	int64_t remote; /* the worker's id of it */
	uint64_t
	    window; /* bytes of its window that count as memory of the relay's, beyond the first ones */
	struct rpc_registration *registrations;
};

/* Makes one, which serves CreateSession, the call, at once in its thread. By the client's thread that
 * reads, for which sessions that have ended are joined first. */
void rpc_session_start(struct rpc_call *call);

/* Gives it one more call. With the client's lock held. */
void rpc_session_add(struct rpc_session *session, struct rpc_call *call);

/* Ends all of a client's, and waits for them. By the thread that reads. */
void rpc_session_end_all(struct rpc_client *client);

/* The rest is for methods that run in the session's thread. */

/* An op of the worker's in this session, with the call's deadline. 0 or a VACCEL_E… code, for which
 * there is a line in the log. */
int rpc_session_op(struct rpc_call *call, uint16_t op, const struct vaccel_arg *inputs,
		   size_t input_count, struct vaccel_arg *outputs, size_t output_count,
		   const uint32_t *output_flags);

/* The worker's id of a resource in this session; 0: it is not registered with it. */
int64_t rpc_session_resource(const struct rpc_session *session,
			     const struct rpc_resource *resource);

/* Remembers that the worker has it by this id, or forgets it. VACCEL_ENOMEM; the resource is referenced
 * as long. */
int rpc_session_add_resource(struct rpc_session *session, struct rpc_resource *resource,
			     int64_t remote);
void rpc_session_remove_resource(struct rpc_session *session, struct rpc_resource *resource);

#endif
