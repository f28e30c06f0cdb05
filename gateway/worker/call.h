/* Calls: what becomes of a request, between a client on one side and the supervisor on the other.
 *
 * The HTTP server makes a call, and says when its client is gone; the loop brings what the supervisor says.
 * That is one thread, and another one breaks off connections that take too long. A call holds its lock while
 * it uses the exchange, so that this is there. It stays in the table until the supervisor has nothing of it
 * any more.
 */
#ifndef MAYFLY_GATEWAY_CALL_H
#define MAYFLY_GATEWAY_CALL_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "api/route.h"
#include "contracts/contract.h"
#include "http/http_server.h"
#include "record/record.h"
#include "worker/body.h"
#include "worker/worker.h"

#define CALL_ID_MAX 64

/* The status of a request whose client did not wait for the answer. */
#define CALL_STATUS_GONE 499

/* The sentence of a 503. */
#define CALL_NO_MEMORY "the gateway has no memory for this request now"

/* Of an answer that the worker gives itself. */
struct refusal {
	unsigned status; /* 0: it does not */
	struct error error;
};

struct call {
	struct call_entry entry;
	struct worker *worker;
	pthread_mutex_t lock;

	/* The request. */
	struct http_exchange *exchange; /* NULL: its client is gone */
	const struct http_head *head;	/* while there is the exchange */
	struct route_match match;
	uint64_t started_ns;	       /* CLOCK_MONOTONIC */
	uint64_t started_real_ns;      /* CLOCK_REALTIME */
	char call_id[CALL_ID_MAX + 1]; /* of calls of functions */
	struct body body;
	size_t head_length; /* of the record in front of the body */
	uint64_t received;  /* bytes of the body */
	bool submitted;	    /* the supervisor knows of it */
	bool complete;	    /* all of the body is there */
	bool paused;
	bool upgraded; /* the response was 101: what comes is of another protocol */
	struct refusal refusal;

	/* What came before the body was complete. */
	struct link_message *early;
	size_t early_count;
	bool early_done;     /* there is a LINK_DONE among it */
	unsigned early_code; /* of that */

	/* The answer. */
	struct link_message done_message; /* kind 0: there was no LINK_DONE */
	struct contract_parser *parser;
	struct record record; /* of a command, in parts */
	bool began, ended;    /* of the response */
	bool cut;	      /* it was broken off */
	unsigned status;
	uint64_t sent; /* bytes of the body */
	/* When the client is gone. */
	unsigned final_status;
	uint64_t total_ns;
};

/* With one reference; NULL without memory. */
struct call *call_new(struct worker *worker, struct http_exchange *exchange,
		      const struct http_head *head);
void call_put(struct call *call);

#define cleanup_call __attribute__((__cleanup__(call_put_function)))
static inline void call_put_function(struct call **call)
{
	if (*call)
		call_put(*call);
}

/* Under the call's lock, as all that is done with it. */

/* The call is to be answered by the worker itself. */
void call_refuse(struct call *call, unsigned status, const char *text);

/* The supervisor knows of it from now on. `message` has kind, flags and block. */
void call_submit(struct call *call, struct link_message *message);

/* Whether it calls a function, now or later. */
static inline bool call_is_of_function(const struct call *call)
{
	return call->match.route &&
	       (call->match.route->kind == ROUTE_INVOKE || call->match.route->kind == ROUTE_ASYNC);
}

/* The value of the request's first header with that name; NULL where there is none. */
const char *call_header(const struct call *call, const char *name);

/* Gives the block of a LINK_PART back. No lock is needed. */
void call_acknowledge(struct worker *worker, const struct link_message *message);

#endif
