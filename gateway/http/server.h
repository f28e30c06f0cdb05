/* What the files of this folder share: the server, its connections, and exchanges, of which a connection has
 * one at a time. All of libmicrohttpd is behind this.
 *
 * Locks, from the outside in: a server's, a connection's, libmicrohttpd's. No call of the handler and no
 * `release` is made under any of them. libmicrohttpd's functions are called by its own thread only, except
 * for MHD_resume_connection() and those that make a response.
 */
#ifndef MAYFLY_GATEWAY_SERVER_H
#define MAYFLY_GATEWAY_SERVER_H

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>

#include "http/http_server.h"
#include "util/cleanup.h"

enum phase {
	PHASE_HEAD,    /* the request line has come */
	PHASE_BODY,    /* the head is complete */
	PHASE_SERVING, /* the request is complete */
	PHASE_SENDING, /* libmicrohttpd has the response */
	/* What comes is read and forgotten: refused in the middle of a body; or all is sent by the protocol to
	 * which the connection was upgraded. */
	PHASE_LINGER,
	PHASE_TUNNEL, /* bytes of another protocol come and go */
};

/* How many bytes had come or gone, and when. */
struct pace {
	uint64_t since_ns, bytes;
};

/* A part of a response, whose memory is the caller's. */
struct piece {
	struct piece *next;
	const char *data;
	size_t length;
	void (*release)(void *context);
	void *context;
};

struct pieces {
	struct piece *first, **last;
};

struct http_exchange {
	struct connection *connection;
	struct http_head head;

	/* Only for libmicrohttpd's thread. */
	char *target, *query; /* as they came; `query` is behind "?" */
	size_t target_length;
	char query_first; /* hidden from libmicrohttpd, which would split the query */
	char *credentials;
	size_t header_room; /* for headers of the response */
	void *state;	    /* of the handler */
	bool begun;	    /* the handler knows of it */
	bool waited;	    /* since the last call, and may still */
	unsigned refused;   /* with this status */
	uint64_t swallowed; /* of the body, since then */

	/* Under the connection's lock. */
	enum phase phase;
	uint64_t received; /* of the body */
	struct pace pace;
	bool suspended; /* libmicrohttpd leaves the connection alone until it is resumed */
	bool paused;	/* the handler wants no more of the body for now */
	bool cut;	/* the connection is to be broken off */
	bool left;	/* the client seemed to have gone when last looked at */
	bool over;	/* nobody sends any more */
	struct MHD_Response *response; /* ready to be queued */
	struct kept_headers *headers;  /* of a response that is not made yet */
	unsigned status;	       /* of the response; 0: none has been begun */
	uint64_t length;	       /* of its body */
	uint64_t written;	       /* by the handler */
	struct pieces pieces;
	bool bodiless; /* as of HEAD */
	bool whole; /* the response's body is the first piece, and libmicrohttpd reads it there */
	bool ended, complete;
	/* Of a connection that was upgraded. */
	bool upgrading;			       /* its response is 101 */
	bool tunneled;			       /* that has been sent */
	struct MHD_UpgradeResponseHandle *urh; /* NULL: not yet, or not any more */
	int tunnel;			       /* its descriptor, where there is `urh` */
	uint32_t events;		       /* for which that is watched */
};

struct connection {
	struct connection *previous, *next;
	struct http_server *server;
	struct MHD_Connection *mhd;
	int fd;
	bool secure;
	char client[sizeof(((struct http_head *)NULL)->client)];

	pthread_mutex_t lock;
	struct http_exchange *exchange; /* NULL: between requests */
	uint64_t idle_since_ns;
	/* Of the next request's first line, for the sweeper: how many bytes the connection had had before, and
	 * when more were seen; 0: not yet. */
	bool counted;
	uint64_t received, begun_ns;
	/* Of a body with bytes that libmicrohttpd does not take, for the sweeper: how much of it had come, and
	 * how often the server had run, when that was seen first; 0: it was not. */
	uint64_t stuck_at, stuck_since;
};

struct http_server {
	struct http_settings settings;
	bool secure;
	size_t memory; /* of a connection */
	atomic_bool started;
	char start_text[256]; /* what libmicrohttpd said before */
	struct MHD_Daemon *daemon;
	/* Of one without a thread: libmicrohttpd's own, and tunnels; -1: it has a thread, and no tunnels. */
	int epoll;
	unsigned tunnels; /* for the thread that runs it */
	pthread_t sweeper;
	uint64_t sweep_interval_ns;

	pthread_mutex_t lock;
	pthread_cond_t fewer, sweep; /* exchanges; or the sweeper's end. By CLOCK_MONOTONIC */
	struct connection *connections;
	struct connection *cursor;  /* the one that the sweeper looks at next */
	_Atomic uint64_t exchanges; /* that the handler knows of */
	bool swept;		    /* the sweeper is to end */

	atomic_bool quiesced; /* connections end with what they are at */
	atomic_bool stopping; /* nothing more is begun */
	atomic_bool cutting;  /* nothing waits any more */

	/* Of one without a thread: http_server_run() was called so often; the last of these calls did so many
	 * that libmicrohttpd made no callback in, though it wants to go on. */
	_Atomic uint64_t runs;
	unsigned fruitless;
	bool called_back;
	atomic_bool
	    stalled; /* it is not run again before the sweeper says so, or something happens */

	_Atomic uint64_t current, accepted, refused, timed_out;
};

/* ── connections ─────────────────────────────────────────────────────────────────────────────── */

/* libmicrohttpd's callback; keeps the server's list of them. */
void connection_notify(void *context, struct MHD_Connection *mhd, void **place,
		       enum MHD_ConnectionNotificationCode code);

/* The next three under the connection's lock. libmicrohttpd notices a break by itself, and ends the
 * exchange. */
void connection_break(struct connection *connection);
void connection_suspend(struct http_exchange *exchange);

/* What is to be resumed when the lock has been released, so that libmicrohttpd's thread does not run into it at
 * once. */
struct waiting {
	struct http_server *server;
	struct MHD_Connection *mhd; /* NULL: nothing waits */
};

/* Fills it in. The connection stays until it is resumed; the exchange may not survive that. */
void connection_wake(struct http_exchange *exchange, struct waiting *waiting);
void connection_resume(struct waiting *waiting);

/* A place for that, resumed at the end of the scope; to be declared before the lock is taken. */
#define wake_scoped(name) cleanup(connection_resume) struct waiting name = {NULL, NULL}

/* ── exchanges ───────────────────────────────────────────────────────────────────────────────── */

/* libmicrohttpd's callbacks: a request line has come; there is something to do; an exchange is over. */
void *exchange_start(void *context, const char *target, struct MHD_Connection *mhd);
enum MHD_Result exchange_handle(void *context, struct MHD_Connection *mhd, const char *url,
				const char *method, const char *version, const char *data,
				size_t *length, void **place);
void exchange_finish(void *context, struct MHD_Connection *mhd, void **place,
		     enum MHD_RequestTerminationCode code);

/* The end, for which libmicrohttpd calls exchange_finish() but where it has run out of something. */
void exchange_end(struct http_exchange *exchange, bool sent);

/* ── responses ───────────────────────────────────────────────────────────────────────────────── */

/* A short text with a status' name. NULL where there is no memory. */
struct MHD_Response *response_refusing(unsigned status);

/* The same, written at once and without libmicrohttpd, which answers only when it has a whole request. */
void response_refuse_now(struct http_exchange *exchange, unsigned status);

/* Headers that are not the server's own business; 0 or -ENOMEM. */
int response_add_headers(struct MHD_Response *response, const struct http_header *headers,
			 size_t count);

/* 0; -EINVAL for what HTTP cannot have, -E2BIG for what has no room. */
int response_check(const struct http_exchange *exchange, unsigned status,
		   const struct http_header *headers, size_t count);

/* Puts a refusal in the place of a response that has not been begun. Under the connection's lock. */
void response_give_up(struct http_exchange *exchange, unsigned status);

/* All that has not been released; not under a lock. */
void response_release(struct http_exchange *exchange);

/* Not under a lock. */
void release_pieces(struct piece *piece);

/* ── tunnels (upgrade.c) ─────────────────────────────────────────────────────────────────────── */

/* Sends what there is, after a change; under the connection's lock. What has been sent is added to `done`, and
 * released by the caller without the lock. */
void tunnel_flush(struct http_exchange *exchange, struct pieces *done);

/* The handler has paused, or goes on; under the connection's lock. */
void tunnel_watch(struct http_exchange *exchange);

/* Serves those that are ready. True: libmicrohttpd has something to do. */
bool tunnels_run(struct http_server *server);

/* ── time-outs ───────────────────────────────────────────────────────────────────────────────── */

/* The thread that breaks off connections which take too long; context is the server. */
void *sweep_run(void *context);

#endif
