/* Responses: what goes to the client. All under the call's lock, while it has its exchange. */
#ifndef MAYFLY_GATEWAY_RESPONSE_H
#define MAYFLY_GATEWAY_RESPONSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "worker/call.h"

/* For what the gateway adds to others' headers. */
#define RESPONSE_HEADERS_OWN 12

struct response_headers {
	struct http_header list[CONTRACT_HEADERS_MAX + RESPONSE_HEADERS_OWN];
	size_t count;
	char started[24], seconds[24];
};

static inline void response_add(struct response_headers *headers, const char *name,
				const char *value)
{
	headers->list[headers->count++] = (struct http_header){name, value};
}

/* What each answer to a call of a function has. */
void response_add_of_call(struct response_headers *headers, const struct call *call);
bool response_is_own(const char *name);

/* False: the client has gone, or there is no memory. */
bool response_begin(struct call *call, unsigned status, const struct response_headers *headers,
		    uint64_t length);

/* Begins with 101: the connection has another protocol then. */
bool response_upgrade(struct call *call, const struct response_headers *headers);
void response_end(struct call *call, bool complete);

/* A whole answer: text that is copied. */
void response_answer(struct call *call, unsigned status, const char *type, const char *text,
		     size_t length, struct response_headers *headers);

/* A status with a sentence, for which an end of line is put; flags: LINK_RETRY. */
void response_say(struct call *call, unsigned status, const char *text, unsigned flags);

/* Those of a LINK_DONE. */
void response_say_done(struct call *call, const struct link_message *message);

/* The block of a LINK_PART or LINK_DONE. The supervisor gets it back when it is released as often as it was
 * made and used; that of a LINK_DONE when all is over. */
struct block;

/* NULL: no memory. */
struct block *block_new(struct call *call, const struct link_message *message);
void block_release(void *block);

/* Has the client get bytes that lie in the block. */
void response_write(struct call *call, struct block *block, const void *data, size_t length);

/* The same with bytes of malloc(3), which are taken; the block is used until then. May be NULL. */
void response_write_own(struct call *call, struct block *block, char *data, size_t length);

#endif
