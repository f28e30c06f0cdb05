/* The head of a response: lines of "Name: value" up to an empty one, as HTTP and CGI have them. */
#ifndef MAYFLY_GATEWAY_RESPONSE_HEAD_H
#define MAYFLY_GATEWAY_RESPONSE_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "contracts/contract.h"
#include "util/error.h"

/* Text that grows until the empty line is in it; begin with zeroes. */
struct response_head {
	char *data;
	size_t length, room;
	size_t line; /* where the line begins that is not complete */
};

/* Copies bytes up to and including the empty line, and takes them off. 1: the head is complete; 0: more
 * is needed; -EPROTO where it is too long, has a NUL, or begins with an empty line; -ENOMEM. */
int response_head_take(struct response_head *head, const uint8_t **data, size_t *length,
		       struct error *error);
void response_head_release(struct response_head *head);

/* Takes off the next line, and ends it with a NUL where it ended with LF or CR LF. NULL at the empty line. */
char *response_head_line(char **rest);

/* What lines say about the message itself, which is not handed on. */
struct response_framing {
	bool has_length, chunked;
	uint64_t length;
	const char *status; /* of `Status:`, where that is wanted */
};

/* Reads all lines of `rest` into head->headers, which point into it: without those that frame the message or
 * belong to the connection. `cgi`: Status is the program's, and Transfer-Encoding nothing that it may
 * use. 0; -EPROTO. */
int response_head_read(char *rest, bool cgi, struct contract_head *head,
		       struct response_framing *framing, struct error *error);

/* A status of three digits at the beginning of `text`, with a blank or nothing behind; 0 where there is
 * none. */
unsigned response_head_status(const char *text);

#endif
