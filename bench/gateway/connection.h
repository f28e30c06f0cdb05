/* A connection of the load generator: one request at a time, and its response to the end. */
#ifndef MAYFLY_BENCH_CONNECTION_H
#define MAYFLY_BENCH_CONNECTION_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/error.h"

#define RESPONSE_MAX                                                                               \
	65536 /* bytes of a response that are kept: its head, and all of one in chunks */

/* What is asked for, again and again. */
struct request_text {
	char head[1024];
	size_t head_length;
	const uint8_t *body;
	size_t body_length;
};

struct connection {
	int fd;
	const struct request_text *request;
	uint64_t due_ns; /* when the request that is under way was to begin */
	size_t sent;	 /* of head and body */
	char response[RESPONSE_MAX + 1];
	size_t kept, got;
	size_t wanted; /* bytes of the response; 0: not known yet, or in chunks */
};

enum connection_progress {
	CONNECTION_WRITES, /* waits for room */
	CONNECTION_READS,
	CONNECTION_DONE,    /* the response is there, and said 200 */
	CONNECTION_REFUSED, /* it said something else */
};

int connection_open(struct connection *connection, const struct sockaddr_in *address,
		    struct error *error);

/* Sends what there is room for. An enum connection_progress, or -errno. */
int connection_begin(struct connection *connection, const struct request_text *request,
		     uint64_t due_ns, struct error *error);

/* Goes on, as far as it can be without waiting. */
int connection_go_on(struct connection *connection, struct error *error);

#endif
