/* The request that a set-up serves before the snapshot is taken; see warm_up.h. */
#include "gateway/images/warm_up.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/link/fields.h"
#include "util/cleanup.h"

int warm_up_compose(enum contract_kind contract, const char *body, uint8_t **data, size_t *length,
		    struct error *error)
{
	const size_t body_length = strlen(body);
	cleanup_record struct record head = RECORD_EMPTY;
	cleanup(contract_request_release) struct contract_request request = {.prefix = NULL};
	record_add_text(&head, FIELD_METHOD, "POST");
	record_add_text(&head, FIELD_PATH, "/");
	record_add_text(&head, FIELD_HOST, "localhost");
	record_add_text(&head, FIELD_CLIENT, "127.0.0.1");
	record_add_pair(&head, FIELD_HEADER, "Host", "localhost");
	record_add_pair(&head, FIELD_HEADER, "Content-Type", "text/plain");
	if (head.result)
		return error_set(error, -head.result, "no memory for a request");
	int result = contract_compose(contract, record_of(&head), body_length, &request, error);
	if (result)
		return result;
	*length = request.prefix_length + body_length;
	*data = malloc(*length + 1);
	if (!*data)
		return error_set(error, ENOMEM, "no memory for a request");
	if (request.prefix_length)
		memcpy(*data, request.prefix, request.prefix_length);
	memcpy(*data + request.prefix_length, body, body_length + 1);
	return 0;
}
