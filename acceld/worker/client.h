/* Serving the messages of one connection through libvaccel.
 *
 * A client belongs to its connection's thread, which also runs the ops.
 */
#ifndef MAYFLY_ACCELD_CLIENT_H
#define MAYFLY_ACCELD_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "util/error.h"

struct account;
struct cancel_watch;
struct in_flight;
struct plugins;
struct client;
struct statistics;
struct tenant;

/* What all clients have in common. */
struct client_options {
	struct plugins *plugins;
	struct in_flight *in_flight;   /* takes down which ops are under way */
	struct statistics *statistics; /* counts them; NULL: nobody does */
	struct cancel_watch *watch;    /* notices callers who give up; NULL: nobody does */
};

/* What the connection holds, large messages while they are served, and its share of processors are
 * those of `account`, the peer's, whose policy says what it may do. Models that the peer sends run in
 * the worker of `tenant`, which outlives the client; NULL: here. `socket` is the connection's. NULL
 * where there is no memory. */
struct client *client_new(const struct client_options *options, struct account *account,
			  struct tenant *tenant, int socket);

/* Large arrays of the peer's messages may lie in these `size` bytes of shared memory from now on, which
 * stay as long as the client. */
void client_use_window(struct client *client, uint8_t *window, uint64_t size);

/* Releases every session and resource of the connection. NULL is fine. */
void client_delete(struct client *client);

/* Before a message is served: makes the calling thread yield to those of other tenants if its own
 * asks for much. False if the thread yields and need not any more: another thread, which calls
 * client_change_thread(), should then serve the message, because priorities cannot be raised
 * again. */
bool client_take_place(struct client *client);
void client_change_thread(struct client *client);

/* The CALL that is served next has this tag, for whoever cancels it. */
void client_name_call(struct client *client, uint64_t tag);

/* Serves the message of `length` bytes at `message` (shared with the peer) and answers it there.
 * The op may take `limit_ns`, or less where the message says so. 0: the op's own result is in the
 * message; -EBADMSG: nothing was run and nothing written. */
int client_serve(struct client *client, void *message, uint64_t length, uint64_t limit_ns,
		 struct error *error);

/* True where a reset would do nothing. */
bool client_is_unchanged(const struct client *client);

/* See WIRE_PACKET_MARK and _RESET. After a failed reset the connection must end. */
void client_mark(struct client *client);
int client_reset(struct client *client, struct error *error);

#endif
