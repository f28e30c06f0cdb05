/* The HTTP server, as the gateway's worker sees it: requests come in pieces, responses go out whole or in
 * pieces, from any thread. What is behind it (libmicrohttpd) is this folder's business alone.
 *
 * The server has one thread, its own or its caller's, which makes all calls of struct http_handler. They must
 * not wait.
 */
#ifndef MAYFLY_GATEWAY_HTTP_SERVER_H
#define MAYFLY_GATEWAY_HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/error.h"

struct http_server;

/* A request and its response. Belongs to the server; valid until `gone` returns. */
struct http_exchange;

#define HTTP_HEADERS_MAX 100

struct http_header {
	const char *name, *value;
};

/* The head of a request, valid until `gone`. It is sound: one Host, at most one Content-Length and not with
 * Transfer-Encoding, no control characters. */
struct http_head {
	const char *method;
	const char *path;  /* not decoded; begins with "/" */
	const char *query; /* behind "?"; NULL: there is none */
	size_t header_count;
	struct http_header headers[HTTP_HEADERS_MAX];
	uint64_t length; /* of the body; UINT64_MAX: it comes in chunks */
	char client[64]; /* address, as text */
	bool secure;
	bool upgrades; /* it asks for a WebSocket without TLS, and may get it by http_upgrade() */
	/* By Authorization: Basic or Bearer; NULL where it has none. */
	const char *user, *password, *token;
};

/* Calls are made without any lock of the server's, so that functions below may be called in them; and while
 * `gone` waits for a lock of its own another thread may call them, too. */
struct http_handler {
	/* A head has come. 0, and *state is what the next calls get; or an HTTP status with which it is
	 * refused, and nothing follows. */
	unsigned (*begin)(void *context, struct http_exchange *exchange,
			  const struct http_head *head, void **state);
	/* Part of the body. 0, or an HTTP status with which it is refused. */
	unsigned (*body)(void *state, const void *data, size_t length);
	/* The request is complete: it is to be answered, now or later. */
	void (*complete)(void *state);
	/* All is over, and nothing follows: the response has been sent (`sent`), or the client has
	 * gone. Called for each `begin` that returned 0. Pieces of a response that were not released
	 * have been. */
	void (*gone)(void *state, bool sent);
};

struct http_settings {
	int listen;		       /* stays the caller's */
	const char *certificate, *key; /* PEM, the text itself; NULL: no TLS */
	/* Bytes of a head, and of the trailers with it; above: 431, or 414. A response may have as much and
	 * 6 KiB, less what the request's headers, cookies and trailers take. Each connection has twice as
	 * much memory and 12 KiB. */
	size_t header_limit;
	uint64_t body_limit;			/* above: 413 */
	unsigned connections, connections_each; /* of one address; 0: as many as of all */
	uint64_t head_timeout_ns;		/* how long a head may take */
	/* Bytes a second at which bodies have to come, and responses to be read, in each stretch of
	 * head_timeout_ns. */
	uint64_t body_rate;
	uint64_t idle_timeout_ns; /* of a connection between requests */
	const struct http_handler *handler;
	void *context;
	/* Not NULL: there is no thread for it. One of the caller's calls http_server_run() while
	 * http_server_fd() is readable, and soon after this has been called, by any thread. */
	void (*more)(void *context);
};

/* Numbers for metrics. */
struct http_statistics {
	uint64_t connections, accepted, refused, timed_out;
};

int http_server_start(struct http_server **server, const struct http_settings *settings,
		      struct error *error);

/* Of one without a thread: a descriptor that is readable when there is something to do; and doing it, without
 * waiting. True: there is more already. The first run is the caller's to make, and the thread that runs it is
 * the one that stops it. */
int http_server_fd(const struct http_server *server);
bool http_server_run(struct http_server *server);

/* Takes no new connections from now on. */
void http_server_quiesce(struct http_server *server);

/* Ends it, and all connections; `gone` has been called for all when it returns. */
void http_server_stop(struct http_server *server);
void http_server_statistics(const struct http_server *server, struct http_statistics *statistics);

/* In `body`: that piece has been taken, and the next one is to wait for http_resume(), by any thread. */
void http_pause(struct http_exchange *exchange);

/* Until `gone` returns; one that comes while nothing is paused does nothing. */
void http_resume(struct http_exchange *exchange);

/* ── responses: thread-safe, after `complete` and before `gone` returns ──────────────────────── */

/* Begins the response. `length` of its body, or UINT64_MAX: in chunks. Headers are copied; those that are the
 * server's business (Content-Length, Transfer-Encoding, Connection and the like) are left out. 0, or with
 * nothing begun: -EINVAL for a status or header that HTTP cannot have, -E2BIG for headers that have no room
 * (see header_limit), -ENOMEM, or -EPIPE where the client has gone. A response of known length is sent from
 * its first piece on. */
int http_respond(struct http_exchange *exchange, unsigned status, const struct http_header *headers,
		 size_t header_count, uint64_t length);

/* The next piece of the body, which stays the caller's until `release` (may be NULL) is called, by any
 * thread; that may be before this returns, and happens in any case. No call after http_end(). */
int http_write(struct http_exchange *exchange, const void *data, size_t length,
	       void (*release)(void *context), void *context);

/* Instead of http_respond(), for a head with `upgrades`: the response is 101, and from then on the connection has
 * bytes of another protocol, both ways. `body` of the handler gets what comes, at most the server's body_limit,
 * and may pause it; http_write() sends; http_end() ends both. The client's end is the exchange's. */
int http_upgrade(struct http_exchange *exchange, const struct http_header *headers,
		 size_t header_count);

/* The body is complete; not `complete`: the connection is broken off, so that the client notices. */
int http_end(struct http_exchange *exchange, bool complete);

/* All three in one, for short answers: `text` is copied. */
int http_answer(struct http_exchange *exchange, unsigned status, const char *content_type,
		const void *text, size_t length);

#endif
