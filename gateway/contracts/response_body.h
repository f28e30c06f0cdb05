/* The body of a response, and where it ends. */
#ifndef MAYFLY_GATEWAY_RESPONSE_BODY_H
#define MAYFLY_GATEWAY_RESPONSE_BODY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "contracts/contract.h"
#include "contracts/response_head.h"
#include "http/chunked.h"
#include "util/error.h"

enum response_body_kind {
	RESPONSE_BODY_NONE,
	RESPONSE_BODY_LENGTH, /* so many bytes */
	RESPONSE_BODY_CHUNKED,
	RESPONSE_BODY_REST,    /* all until the program ends */
	RESPONSE_BODY_DROPPED, /* the same, but nobody wants it */
};

struct response_body {
	enum response_body_kind kind;
	struct chunked chunks;
	uint64_t left; /* bytes of a body whose length is known */
};

/* What kind a response with that status and framing has; sets head->length. */
void response_body_begin(struct response_body *body, struct contract_head *head,
			 const struct response_framing *framing, bool without_body);

/* Takes off bytes, up to a piece or the end of them. 1: the body has ended; 0; -EPROTO. Looks at each byte
 * once. */
int response_body_take(struct response_body *body, const uint8_t **data, size_t *length,
		       struct contract_piece *piece, struct error *error);

#endif
