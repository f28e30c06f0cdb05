/* The supervisor's side of the link, and clients, for tests of the HTTP worker: it is started as it is, and
 * asked over real connections. All calls wait for what they are for, but not for ever. */
#ifndef MAYFLY_TESTS_WORKER_PEER_H
#define MAYFLY_TESTS_WORKER_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "gateway/link/link.h"
#include "record/record.h"

#define PEER_PATIENCE_MS 20000

struct peer {
	pid_t process;
	int socket;
	struct arena *arena;	/* what it answers with */
	struct arena_view view; /* what clients sent */
	unsigned port, metrics_port;
	int log; /* the end of the access log to read from */
};

/* `command`: the worker, perhaps behind a program that watches it; ends with NULL. `settings`: its record.
 * `arena_size`: of the worker's. */
bool peer_start(struct peer *peer, char *const command[], const struct record *settings,
		size_t arena_size);

/* The worker's exit status, once it has ended; -1: by a signal. */
int peer_wait(struct peer *peer);
void peer_stop(struct peer *peer);

/* The next message of the worker; false where none comes. */
bool peer_receive(struct peer *peer, struct link_message *message);

/* Whether there is none now. */
bool peer_is_quiet(struct peer *peer);

/* Sends a message with a block (data NULL: without). */
bool peer_send(struct peer *peer, struct link_message message, const void *data, size_t length);

/* LINK_TAKEN for the block of a message. */
bool peer_take(struct peer *peer, const struct link_message *message);

/* A connection, on which `text` has been sent. */
int client_open(unsigned port, const char *text, size_t length);

/* Reads to the end; the text is the caller's to free. */
char *client_read(int client, size_t *length);

#endif
