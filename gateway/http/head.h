/* The head of a request: what libmicrohttpd has read, checked against the bytes that came.
 *
 * libmicrohttpd 0.9.75 reads more than it should: it ends a name or value at a NUL, puts a folded line behind
 * the *name* of the header before, takes a line feed for the end of a line, and lets a body have two lengths.
 * So the head is accepted only where what it has read, with the separators between, is exactly what lies in
 * its buffer: each name begins where the line before ended. What cannot be told apart any more are the line
 * ends themselves: a NUL in the place of a CR, or a colon in that of the last one, passes for it.
 */
#ifndef MAYFLY_GATEWAY_HEAD_H
#define MAYFLY_GATEWAY_HEAD_H

#include "http/server.h"

#define HEAD_EXPECTS 1u /* Expect: 100-continue */
#define HEAD_BROKEN  2u /* with a status: where the body ends is not known */

/* Fills in exchange->head. 0, or the status with which the request is refused (or, 204, answered). */
unsigned head_read(struct http_exchange *exchange, const char *method, const char *version,
		   unsigned *flags);

/* Where the body has come in chunks: takes the room of what libmicrohttpd notes of its trailers. False where
 * they are too long, with the head. */
bool head_take_trailers(struct http_exchange *exchange);

/* User, password and token of an Authorization, into fresh memory at *credentials. 0 or -ENOMEM; what is
 * not understood is as if it were not there. */
int authorization_read(struct http_head *head, const char *value, char **credentials);

/* A name as of methods and headers; text without control characters but tabs. */
bool head_is_token(const char *text, size_t length);
bool head_is_clean(const char *text, size_t length);

#endif
