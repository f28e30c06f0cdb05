/* Where a worker's clients come from. Used by the server's first thread alone. */
#ifndef MAYFLY_ACCELD_LISTENERS_H
#define MAYFLY_ACCELD_LISTENERS_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "acceld/common/listener_message.h"

struct account;
struct accounts;
struct transport;

struct worker_listener {
	enum listener_kind kind;
	uint64_t number;
	int socket;
	struct account *account; /* the tenant's; NULL: each client's process has one */
	struct worker_listener *next;
};

struct listeners {
	struct accounts *accounts;
	int control; /* listener_message_receive() from there; -1: nothing more will come */
	struct worker_listener *list;
	size_t count;
};

/* A client that has come. */
struct arrival {
	int socket; /* the receiver's */
	const struct transport *transport;
	struct account *account; /* opened for the receiver */
};

/* `control` belongs to the listeners from now on. */
void listeners_init(struct listeners *listeners, struct accounts *accounts, int control);

/* Closes all of them: nobody can come any more. */
void listeners_close(struct listeners *listeners);

/* Adds, changes or removes what the supervisor says, as long as it says something. `leave` is called
 * with the account of each tenant that has been removed, whose connections are to end. False where
 * the supervisor has gone. */
bool listeners_hear(struct listeners *listeners,
		    void (*leave)(void *context, struct account *account), void *context);

/* Fills in `count` events, one for each listener, in an order that take() knows. */
void listeners_fill_events(const struct listeners *listeners, struct pollfd *events);

/* The next client of a listener. 0; -EAGAIN where there is none; or another negative errno: the
 * client has been sent away, or cannot be had now (-EMFILE, -ENFILE, -ENOMEM: wait a little). */
int listeners_take(struct listeners *listeners, struct worker_listener *listener,
		   struct arrival *arrival);

#endif
