/* A CGI response, to standard output as it was. */
#ifndef MAYFLY_HANDLER_RESPONSE_H
#define MAYFLY_HANDLER_RESPONSE_H

#include "mayfly/handler.h"

#define RESPONSE_BUFFER	     65536 /* bytes of the body that wait for more */
#define RESPONSE_HEAD_MAX    65000 /* the gateway takes 65536, with what is added at the end */
#define RESPONSE_HEADERS_MAX 90	   /* of 100 */

struct mayfly_response {
	int output;
	int failure; /* a positive error code that writing has met with */
	int status;
	char *head; /* lines */
	size_t head_length, header_count;
	char *body;
	size_t waiting;	  /* bytes in `body` */
	uint64_t length;  /* as the program said; UINT64_MAX: it did not */
	uint64_t written; /* by the program */
	bool is_sent;	  /* the head */
	bool has_type;
};

/* Makes room, before the snapshot. 0, or a positive error code. */
int response_prepare(struct mayfly_response *response, int output);
void response_begin(struct mayfly_response *response);

/* Sends the rest. 0, or a positive error code: EMSGSIZE where it is not as long as was said. */
int response_end(struct mayfly_response *response);

/* Sends 500 instead of what there is; false where the head has been sent. */
bool response_fail(struct mayfly_response *response);

#endif
