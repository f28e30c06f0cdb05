/* --http: what a program that serves HTTP is given is the body of a request, and what comes back is
 * the body of its response. */
#ifndef MAYFLY_CLI_RUN_EXCHANGE_H
#define MAYFLY_CLI_RUN_EXCHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "http/response.h"
#include "util/error.h"

/* The network of a program that listens at that port, as --net:NAME=WHAT has it; "": at any. To be
 * freed. */
int http_network(const char *port, char **network, struct error *error);

#define HTTP_HEAD_SIZE 256

/* What comes before a body of so many bytes: POST, or GET where there is none. Returns its length. */
size_t http_request_head(const char *port, uint64_t length, char head[HTTP_HEAD_SIZE]);

/* A request by standard input, whose response goes to standard output. */
struct http_exchange {
	int request; /* a memory file */
	int response,
	    given; /* the ends of a pipe: what the monitor writes to `given` comes there */
	uint64_t patience_ns; /* for whoever writes standard input, and reads standard output */
	bool is_full;	      /* standard output takes no more; until when that is borne: */
	uint64_t full_until_ns;
	struct http_response head;
};

#define HTTP_EXCHANGE_NONE                                                                         \
	{                                                                                          \
		.request = -1, .response = -1, .given = -1                                         \
	}

/* Reads all of standard input. ETIMEDOUT. Release by http_exchange_close(), whatever comes back. */
int http_exchange_open(struct http_exchange *exchange, const char *port, uint64_t patience_ns,
		       struct error *error);
void http_exchange_close(struct http_exchange *exchange);

/* Hands on what has come so far, without waiting for more. Standard output is waited for only if `wait`;
 * else is_full says that it takes no more. EPIPE: nobody reads it. ETIMEDOUT. */
int http_exchange_pass(struct http_exchange *exchange, bool wait, struct error *error);

/* The program has ended, and all has been passed: 0 where the response is whole, sound, and no error
 * by its status, else 1, and that has been told. */
int http_exchange_judge(const struct http_exchange *exchange, const char *name);

#endif
