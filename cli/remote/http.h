/* One HTTP request and its response, by libcurl. */
#ifndef MAYFLY_CLI_REMOTE_HTTP_H
#define MAYFLY_CLI_REMOTE_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/error.h"

#define HTTP_BODY_UNKNOWN UINT64_MAX /* it is sent in chunks */

/* What is sent: first `data`, then what can be read from `fd`. */
struct http_body {
	const void *data;
	size_t length;
	int fd;		/* -1: nothing more */
	uint64_t whole; /* the length of both, or HTTP_BODY_UNKNOWN */
};

struct http_call {
	const char *method, *url;
	const char *server;	     /* what sentences call it */
	const char *user, *password; /* NULL: none is sent */
	const char *authorities;     /* PEM file of certificates to trust; NULL: the system's */
	bool insecure;		     /* trust any certificate */
	bool local; /* the host is this machine: not by a proxy, whatever the environment says */
	const char *const *headers;   /* "Name: value", ends with NULL; NULL: none */
	const struct http_body *body; /* NULL: none */
	uint64_t patience_ns;	      /* how long all of it may take; 0: for ever */

	/* A piece of the response's body. Not 0: no more is wanted, and that is what the call
	 * returns. */
	int (*piece)(void *context, unsigned status, const void *data, size_t length);
	/* Once a second, or so, while there is nothing else to do. May be NULL. */
	void (*idle)(void *context);
	void *context;
};

/* Strings are the answer's. Release by http_answer_release() in any case. */
struct http_answer {
	unsigned status;
	char *type;	   /* Content-Type; NULL: not said */
	char *location;	   /* where it redirects to, which is not followed; NULL */
	char *call_id;	   /* X-Call-Id; NULL */
	char *retry_after; /* NULL */
};

/* 0 whatever the status is; a negative errno with a sentence where there is no whole response. */
int http_perform(const struct http_call *call, struct http_answer *answer, struct error *error);
void http_answer_release(struct http_answer *answer);

/* Checks the URL of a server, in which there may be a path, and writes its usual form, which does
 * not end with a slash; "http://" may be missing in front. *local: whether its host is this
 * machine's loopback. EINVAL. */
int http_normalise_url(const char *text, char *url, size_t size, bool *local, struct error *error);

/* A word for a status, for example "Not Found"; "" for an unknown one. */
const char *http_status_text(unsigned status);

#endif
