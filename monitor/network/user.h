/* A network in which the monitor itself is the only station beside the guest: no tap, no rights, no
 * socket of the host. It answers ARP and ping; and where the guest serves HTTP, it is the client that
 * brings the requests. Nothing leads out of it.
 */
#ifndef MAYFLY_MONITOR_NETWORK_USER_H
#define MAYFLY_MONITOR_NETWORK_USER_H

#include "http/response.h"
#include "network.h"
#include "stack/stack.h"

/* The state that a snapshot keeps. */
#define USER_STATE_SIZE 32

/* How the guest's server and we stand. */
enum user_phase {
	USER_LOOKING,	 /* a set-up: does the guest listen yet? */
	USER_HEARD,	 /* it has just said so */
	USER_LISTENED,	 /* it does, and a connection is held for the clones */
	USER_DIALLING,	 /* a request: until the connection is there */
	USER_EXCHANGING, /* the request goes in, the response comes out */
	USER_DONE,
};

struct user_link {
	struct network_link link;
	const struct network_user *options;
	enum user_phase phase;
	uint16_t port;		/* where the guest listens, or may do so */
	uint64_t dial_again_ns; /* not before */
	/* Of the request area: what was not handed to the connection yet. */
	uint64_t request_next, request_length;
	bool request_begun, request_last; /* its first bytes, its last ones have come */
	uint64_t request_again_ns;	  /* when to look for its next part */
	struct http_response response;
	/* The connection of this request is the one that the set-up has left (stack/tcp.h), and the
	 * guest has not shown yet that it knows it. */
	bool is_held;
	struct tcp_held held;
	/* So many bytes of the request were given to it when it broke, and are for whichever comes next. */
	size_t waiting;
	struct stack stack;
};

/* Moves the slot's request and response over the connection; see struct network_link_kind. */
int user_serve(struct network_link *link, struct slot *slot, enum device_next *next,
	       struct error *error);
uint64_t user_due(const struct network_link *link);
bool user_is_settled(const struct network_link *link);

/* A request, or a set-up, begins. `port`: where the guest was found listening; 0: it was not. */
void user_begin_requests(struct user_link *self, uint16_t port);

#endif
