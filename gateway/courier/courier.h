/* The courier: calls others by HTTP, and parses what functions have written, on behalf of the supervisor, which
 * does neither. This is the supervisor's side; behind it is a process, `mayfly-courier`, which may lose
 * nothing: it is confined, and replaced when it dies.
 *
 * Thread-safe. Each order that was accepted is answered once, by a thread of the courier's, which must not be
 * kept waiting.
 */
#ifndef MAYFLY_GATEWAY_COURIER_H
#define MAYFLY_GATEWAY_COURIER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "contracts/contract.h"
#include "record/record.h"
#include "util/error.h"

struct courier;

/* Where strangers may have it connect to, besides other machines. */
enum courier_reach {
	COURIER_REACH_LOOPBACK = 1, /* this machine */
	COURIER_REACH_LINK_LOCAL =
	    2, /* 169.254.0.0/16 and fe80::/10: metadata services of clouds */
};

struct courier_settings {
	unsigned connections; /* at once; 0: 64 */
	unsigned reach;
	const char *certificates; /* a file of those that are believed (PEM); NULL: the system's */
	const char *proxy; /* the URL of an HTTP proxy; NULL: none, whatever the environment says */
	size_t arena;	   /* bytes for what is under way in each direction; 0: 256 MiB */
};

/* Starts it. Strings are needed only meanwhile. */
int courier_start(struct courier **courier, const struct courier_settings *settings,
		  struct error *error);

/* Ends it. What is under way is answered by ECANCELED before this returns. */
void courier_stop(struct courier *courier);

/* How often the process was replaced, for metrics. */
uint64_t courier_restarts(struct courier *courier);

struct courier_answer {
	int result;	  /* 0, or a negative errno, of which `text` is the sentence */
	const char *text; /* "" where result is 0 */
	unsigned status;  /* of HTTP */
	/* Of courier_parse(): the response. Valid while `done` runs. */
	struct record_view head; /* FIELD_HEADER, checked */
	const uint8_t *body;
	size_t body_length;
};

typedef void courier_done(void *context, const struct courier_answer *answer);

/* ── calling others ──────────────────────────────────────────────────────────────────────────── */

/* What is posted. All of it is needed only while courier_call() runs. */
struct courier_call {
	const char *url;	    /* url_check() has passed */
	struct record_view headers; /* FIELD_HEADER: key, value */
	const void *body;
	size_t body_length;
	uint64_t timeout_ns; /* of the whole call; 0: 60 s */
	bool trusted;	     /* the URL is the owner's: it may lead anywhere */
};

/* POST. `done` gets the status, also of 3xx (nothing is followed), 4xx and 5xx; or why there is none:
 * ETIMEDOUT, ECONNREFUSED, EHOSTUNREACH, EACCES (strangers may not have it call there), EPROTO, ECONNRESET
 * (the courier died) …
 * 0; or EAGAIN where there is no room for it now, and `done` is not called. */
int courier_call(struct courier *courier, const struct courier_call *call, courier_done *done,
		 void *context, struct error *error);

/* The headers of a callback: those of the function's response, and X-Call-Id, X-Function-Name,
 * X-Function-Status, X-Duration-Seconds. `function`: as metrics name it. */
struct courier_callback {
	const char *call_id, *function;
	unsigned status;
	uint64_t run_ns;
	struct record_view response_head;
};
void courier_callback_headers(struct record *headers, const struct courier_callback *callback);

/* ── parsing ─────────────────────────────────────────────────────────────────────────────────── */

struct courier_output {
	enum contract_kind contract;
	const char *method; /* of the request */
	const char *type;   /* contract_parser_set_type(); NULL: CONTRACT_TYPE_USUAL */
	int status;	    /* the program's exit status */
	const void *data;   /* what it wrote, whole */
	size_t length;
};

/* `done` gets status, head and body of the response; EPROTO where it is none. Otherwise as courier_call(). */
int courier_parse(struct courier *courier, const struct courier_output *output, courier_done *done,
		  void *context, struct error *error);

#endif
