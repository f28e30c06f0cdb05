/* An HTTP worker as the supervisor sees it: the link to it, and the calls that it waits for.
 *
 * The worker may have been taken over by whoever it serves: its messages are checked, and one that makes no
 * sense ends it. What its calls refer to (arenas) stays until the last of them is done. For the thread of
 * the event loop.
 */
#ifndef MAYFLY_GATEWAY_PEER_H
#define MAYFLY_GATEWAY_PEER_H

#include <stdbool.h>
#include <stdint.h>

#include "contracts/contract.h"
#include "functions/revision.h"
#include "link/link.h"
#include "record/record.h"
#include "supervisor/supervisor.h"

#define PEER_CHAINS 4096

struct outgoing;
struct body_block;

struct peer {
	struct supervisor *supervisor;
	int socket;
	struct event_loop_watch *watch;
	struct arena *arena;	       /* the supervisor's own */
	struct arena_view view;	       /* the worker's */
	unsigned references;	       /* the supervisor's, and of calls */
	bool lost;		       /* nobody is there any more */
	struct outgoing *first, **end; /* messages that find no room */
	uint64_t stuck_ns;	       /* since when the first of them waits */
	size_t call_count, head_bytes;
	struct call *calls[PEER_CHAINS];
};

enum call_state {
	CALL_RUNNING,
	CALL_CANCELLED, /* running, but nobody waits */
	CALL_ANSWERED,	/* LINK_DONE is sent; LINK_FINISHED will come */
};

/* A request of a function, or a command. */
struct call {
	struct invocation invocation; /* first: it is found by it */
	struct call *next;
	struct peer *peer;
	uint64_t id;
	enum call_state state;
	uint16_t flags;		 /* of its message */
	struct record_view head; /* the record, the call's own */
	uint8_t *head_data;
	const uint8_t *body; /* in the worker's arena */
	uint64_t body_length;
	uint64_t whole_length;		     /* where more follows; UINT64_MAX: not known */
	struct body_block *more, **more_end; /* of the body, not read by the program yet */
	struct contract_request composed;
	const char *name_space, *name; /* in the head; of the function, NULL where it is none */
	uint8_t contract;
	/* A part of the response that may be the last one. */
	bool has_pending, parts_sent;
	bool no_room; /* in the arena */
	/* Parts that the client has not got yet, and whether the program waits for them. */
	unsigned parts_out;
	bool held;
	uint64_t pending_offset, pending_length;
	bool (*stop)(struct call *call); /* a command that goes on (logs): nobody waits any more */
	void *command_context;
};

/* Takes over the socket. */
int peer_open(struct peer **peer, struct supervisor *supervisor, int socket, struct arena *arena,
	      struct arena_view view, struct error *error);

/* Nobody is there any more: running calls are cancelled. */
void peer_lose(struct peer *peer);
void peer_release(struct peer *peer);

/* Once a second: a worker that does not read any more is distrusted. */
void peer_tick(struct peer *peer, uint64_t now_ns);
void peer_send(struct peer *peer, struct link_message *message);

/* How many parts of a response wait for the client before its program has to. A part is up to a MiB. */
#define CALL_PARTS_MAX 16

/* Copies so much into the arena and sends it as (a part of) the answer. -ENOMEM: there is no room. */
int call_send_part(struct call *call, const void *data, size_t length);

/* The answer: what is pending, and `message`'s code and figures. */
void call_done(struct call *call, struct link_message *message);

/* The answer is a sentence with a status. */
void call_fail(struct call *call, unsigned code, uint16_t flags, const char *text);

/* The answer of a command: a record. */
void call_answer(struct call *call, struct record *answer);

/* What is done with calls. */
struct call_handler {
	void (*invoke)(
	    struct call *call); /* a request of a function, which may be an asynchronous one */
	void (*command)(struct call *call);
	/* More of a body, of a call that runs. -EPROTO where it may have none. */
	int (*body)(struct call *call, const struct link_message *message);
	void (*forget_body)(struct call *call);
	/* The answer is over, with that status. */
	void (*finished)(struct call *call, unsigned code, uint64_t total_ns);
	/* The worker has said what makes no sense, and is to be ended. */
	void (*distrust)(struct supervisor *supervisor);
};

#endif
