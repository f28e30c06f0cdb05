#include "contracts/response_body.h"

#include <errno.h>

static int refuse(struct error *error)
{
	return error_set(error, EPROTO, "the function's response has a chunk that is none");
}

/* Takes off so many bytes as a piece. */
static void take_piece(const uint8_t **data, size_t *length, uint64_t most,
		       struct contract_piece *piece)
{
	piece->data = *data;
	piece->length = *length < most ? *length : (size_t)most;
	*data += piece->length;
	*length -= piece->length;
}

static int take_chunks(struct response_body *body, const uint8_t **data, size_t *length,
		       struct contract_piece *piece, struct error *error)
{
	const int result = chunked_take(&body->chunks, data, length, &piece->length);
	piece->data = *data - piece->length;
	return result < 0 ? refuse(error) : result;
}

void response_body_begin(struct response_body *body, struct contract_head *head,
			 const struct response_framing *framing, bool without_body)
{
	const bool has_none = head->status == 204 || head->status == 304;
	*body = (struct response_body){0};
	head->length = has_none ? 0 : framing->has_length ? framing->length : UINT64_MAX;
	if (without_body || has_none || !head->length)
		return;
	body->kind = framing->chunked	   ? RESPONSE_BODY_CHUNKED
		     : framing->has_length ? RESPONSE_BODY_LENGTH
					   : RESPONSE_BODY_REST;
	if (framing->has_length)
		body->left = framing->length;
}

int response_body_take(struct response_body *body, const uint8_t **data, size_t *length,
		       struct contract_piece *piece, struct error *error)
{
	switch (body->kind) {
	case RESPONSE_BODY_NONE:
		return 1;
	case RESPONSE_BODY_LENGTH:
		take_piece(data, length, body->left, piece);
		body->left -= piece->length;
		return !body->left;
	case RESPONSE_BODY_CHUNKED:
		return take_chunks(body, data, length, piece, error);
	case RESPONSE_BODY_REST:
		take_piece(data, length, UINT64_MAX, piece);
		return 0;
	case RESPONSE_BODY_DROPPED:
		*data += *length;
		*length = 0;
		return 0;
	}
	return refuse(error);
}
