/* What a program's set-up wrote; see prefix.h. */
#include "prefix.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int prefix_add(struct prefix *prefix, const uint8_t *data, size_t length, struct error *error)
{
	if (length > PREFIX_MAX - prefix->length)
		return error_set(error, EFBIG,
				 "more than %lu MiB written before the request is read",
				 PREFIX_MAX >> 20);
	if (!length)
		return 0;
	uint8_t *grown = realloc(prefix->data, prefix->length + length);
	if (!grown)
		return error_set(error, ENOMEM, "no memory for the response");
	memcpy(grown + prefix->length, data, length);
	prefix->data = grown;
	prefix->length += length;
	return 0;
}

int prefix_answer(const struct prefix *prefix, const struct request *request, uint64_t deadline_ns,
		  struct error *error)
{
	if (!prefix->length)
		return 0;
	int result = request->respond(request->context, prefix->data, prefix->length, deadline_ns);
	if (result)
		return error_set_errno(error, -result, "cannot write the response");
	return 0;
}

void prefix_release(struct prefix *prefix)
{
	free(prefix->data);
	*prefix = (struct prefix){0};
}
