/* A request on standard input: an SCGI head, then the body. */
#ifndef MAYFLY_HANDLER_REQUEST_H
#define MAYFLY_HANDLER_REQUEST_H

#include "mayfly/handler.h"

#define REQUEST_BUFFER	    65536 /* bytes; a small request comes in one read */
#define REQUEST_HEADERS_MAX 128

struct request_header {
	const char *name, *value;
};

struct mayfly_request {
	int input;
	/* What was read: the head, and what came of the body with it. A NUL fits behind. */
	char *buffer;
	size_t room, length;
	size_t used; /* up to here the program has it */
	const char *method, *path, *query, *target;
	size_t header_count;
	struct request_header headers[REQUEST_HEADERS_MAX];
	uint64_t body_length;
	uint64_t left; /* bytes of the body that the program has not got */
	char *body;    /* owned; NULL: it lies in `buffer` or was not asked for */
	const char *whole;
};

/* Makes room, before the snapshot. 0, or a positive error code. */
int request_prepare(struct mayfly_request *request, int input);

/* Reads the head of the next one. 0, or a positive error code. */
int request_begin(struct mayfly_request *request);

/* Gives back what belonged to the last one. */
void request_forget(struct mayfly_request *request);

#endif
