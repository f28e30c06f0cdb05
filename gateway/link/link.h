/* The link between the supervisor and its HTTP worker: a socket (SOCK_SEQPACKET) for messages, and two
 * memory files for what they speak of.
 *
 * Each side has an arena of its own, in which only it makes blocks, and which the other maps for reading.
 * A message names a block; the other side says when it is done with it. Neither believes the other:
 * offsets and lengths are checked (link_block()), and what is to be interpreted is copied first.
 *
 * The worker numbers what it asks for. To each LINK_INVOKE and LINK_COMMAND there is in the end one
 * LINK_DONE, also where it was cancelled, and to each LINK_DONE one LINK_FINISHED.
 *
 * A body of known length that is longer than FIELD_PIECE of the settings goes on in pieces while it
 * arrives: LINK_INVOKE with LINK_MORE, then LINK_BODY, at most LINK_PIECES_MAX of them not taken yet. A
 * So does what comes over a connection that the function has upgraded. A
 * LINK_DONE may come before the last piece; a LINK_BODY that meets it is to be ignored. Parts of the
 * response are sent on, and given back, only when the whole body has come.
 */
#ifndef MAYFLY_GATEWAY_LINK_H
#define MAYFLY_GATEWAY_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/error.h"

#define LINK_MAGIC   0x4c4du /* "ML" */
#define LINK_VERSION 1u

#define LINK_PIECES_MAX 4 /* blocks of one body under way */
/* A piece that came in may fill one block more, and another one in part. */
#define LINK_PIECES_LIMIT (LINK_PIECES_MAX + 2)

/* Descriptors of the HTTP worker when it starts. */
enum link_descriptor {
	LINK_SOCKET = 3,
	LINK_OWN_ARENA,
	LINK_OTHER_ARENA,
	LINK_SETTINGS, /* a memory file with a record: FIELD_BODY_LIMIT and what follows it */
	LINK_LISTEN,
	LINK_LISTEN_METRICS, /* /dev/null: there is none; so with the next */
	LINK_ACCESS_LOG,
	LINK_DESCRIPTORS,
};

enum link_kind {
	/* from the worker */
	LINK_INVOKE =
	    1,	      /* a request of a function. Block: a record (`head_length` bytes), the body */
	LINK_BODY,    /* block: the next bytes of a body whose LINK_INVOKE had LINK_MORE */
	LINK_COMMAND, /* block: a record */
	LINK_CANCEL, /* nobody waits for that any more, because the client has gone (`code` 499), or has
			* all of a response that has ended by its own rules (`code`: its status).
			* LINK_DONE may be on its way, or comes as soon as possible */
	LINK_SENT,     /* done with the block of a LINK_PART */
	LINK_FINISHED, /* the answer is with the client, `code` was its status (499: the client had
			* gone), `total_ns` it took; and done with the block of LINK_DONE. Follows each
			* LINK_DONE */

	/* from the supervisor */
	/* Done with the block of the LINK_INVOKE, LINK_BODY or LINK_COMMAND. LINK_DONE says so as well of
	 * all that was not said of before. */
	LINK_TAKEN = 32,
	LINK_PART, /* block: the next bytes of the function's response, or a whole record of an answer;
		    * without one the answer begins (to COMMAND_LOGS, when there are no lines yet) */
	LINK_DONE, /* block: the last of them. `code` not 0: the answer is that status, and the block
			  * is a sentence; 0: it is the function's response, complete */
	LINK_QUIT, /* take no more connections, answer what there is, and end */
};

enum link_flag {
	LINK_ASYNC = 1,	 /* the answer to the client is 202, as soon as the request is safe */
	LINK_STREAM = 2, /* what the function writes is wanted at once, as of server-sent events */
	LINK_CUT = 4,	 /* in LINK_DONE with parts before: the response is not complete */
	LINK_BLOCK = 8,	 /* there is a block */
	LINK_RETRY = 16, /* with `code` 429 or 503: Retry-After is 1 */
	LINK_MORE = 32,	 /* in LINK_INVOKE: the block has only the beginning of the body */
	LINK_LAST = 64,	 /* in LINK_BODY: it ends here; there may be no block */
	/* In LINK_INVOKE: the client asks for a WebSocket. Where the function is a server and its response is
	 * 101, what the client sends follows in LINK_BODY, without end. */
	LINK_UPGRADE = 128,
};

struct link_message {
	uint16_t magic, version;
	uint8_t kind;	  /* enum link_kind */
	uint8_t contract; /* enum contract_kind; of a function's response */
	uint16_t flags;	  /* enum link_flag */
	uint64_t id;
	/* A block of the sender's arena; with LINK_TAKEN, _SENT, _FINISHED of the receiver's. */
	uint64_t offset, length;
	uint64_t head_length;
	uint64_t body_length; /* LINK_INVOKE: of the whole body, also with LINK_MORE */
	uint32_t code;
	int32_t status;	   /* LINK_DONE, `code` 0: the program's exit status */
	uint64_t total_ns; /* LINK_FINISHED */
};

/* Fills in magic and version, and sends. 0; -EAGAIN where there is no room now, without waiting;
 * -EPIPE where nobody is there. Thread-safe. */
int link_send(int socket, struct link_message *message);

/* The same, waiting until there is room. */
int link_send_wait(int socket, struct link_message *message);

/* 0; -EAGAIN where nothing is there, without waiting; -EPIPE at the end; -EPROTO. */
int link_receive(int socket, struct link_message *message);

/* ── arenas ──────────────────────────────────────────────────────────────────────────────────── */

/* One's own arena. Thread-safe. */
struct arena;

/* A new one of so many bytes, of which the memory comes as it is used. *file is the memory file for the
 * other side, the caller's to close; sealed against changes of its size. */
int arena_create(struct arena **arena, size_t size, int *file, struct error *error);

/* One that the other side has made: the file stays the caller's. */
int arena_open(struct arena **arena, int file, struct error *error);
void arena_close(struct arena *arena);

/* A block of at least so many bytes, of which *length is then how many it has. Its memory may hold what an
 * earlier block held. NULL where there is no room. */
void *arena_take(struct arena *arena, size_t size, uint64_t *offset, size_t *length);

/* Gives a block back. Anything that is no block that was taken is refused: -EPROTO. */
int arena_give(struct arena *arena, uint64_t offset);

uint8_t *arena_at(struct arena *arena, uint64_t offset);

/* How much is taken, in bytes. */
size_t arena_used(struct arena *arena);

/* Whether so much more would leave less than a quarter of it free, which is for those who need little: else
 * few, who may be in no hurry, could keep all others waiting. */
bool arena_is_scarce(struct arena *arena, size_t more);

/* The other side's, mapped for reading. */
struct arena_view {
	const uint8_t *data;
	size_t size;
};

int arena_view_open(struct arena_view *view, int file, struct error *error);
void arena_view_close(struct arena_view *view);

/* Where a message's block lies; NULL where it is none of the arena. */
const uint8_t *link_block(const struct arena_view *view, const struct link_message *message);

#endif
