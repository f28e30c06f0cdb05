/* Where a response of HTTP/1.x ends (RFC 9112, section 6.3). Mostly, whoever it is for reads it once
 * more, and strictly; then it is enough to know when nothing follows. Where its end is not said soundly, it
 * ends with the connection. The library OS uses this, too: nothing here needs a C library. */
#ifndef MAYFLY_HTTP_RESPONSE_H
#define MAYFLY_HTTP_RESPONSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "http/chunked.h"

enum http_response_part {
	HTTP_STATUS_LINE,
	HTTP_HEADERS,
	HTTP_BODY_OF_LENGTH,
	HTTP_BODY_IN_CHUNKS,
	HTTP_BODY_TO_THE_END, /* of the connection */
	HTTP_COMPLETE,
};

#define HTTP_LINE_SIZE 256 /* no line of interest is longer */

struct http_response {
	enum http_response_part part;
	bool answers_head; /* the request was HEAD: there is no body */
	unsigned status;
	bool has_length, is_chunked;
	bool unsound;	 /* its head or a chunk is: who needs the body alone cannot rely on that */
	uint64_t length; /* of the body, or what is left of it */
	size_t head_length; /* bytes before the body */
	size_t line_length; /* of the line that is not complete, as much as is kept */
	char line[HTTP_LINE_SIZE];
	struct chunked chunks;
};

void http_response_begin(struct http_response *response, bool answers_head);

/* Whether the request that begins with these bytes gets a response without a body. */
bool http_response_is_for_head(const void *request, size_t length);

/* Takes off the next bytes, up to a piece of the body (*piece of them, the last that were taken off),
 * or the end of the response. */
void http_response_take(struct http_response *response, const uint8_t **data, size_t *length,
			size_t *piece);

/* Reads the next bytes; returns how many belong to the response, which is all of them unless it has
 * ended. */
size_t http_response_read(struct http_response *response, const uint8_t *data, size_t length);

#endif
