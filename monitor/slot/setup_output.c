/* What a program's set-up wrote; see setup_output.h. */
#include "setup_output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int setup_output_add(struct setup_output *setup_output, const uint8_t *data, size_t length,
		     struct error *error)
{
	if (length > SETUP_OUTPUT_MAX - setup_output->length)
		return error_set(error, EFBIG,
				 "more than %lu MiB written before the request is read",
				 SETUP_OUTPUT_MAX >> 20);
	if (!length)
		return 0;
	uint8_t *grown = realloc(setup_output->data, setup_output->length + length);
	if (!grown)
		return error_set(error, ENOMEM, "no memory for the response");
	memcpy(grown + setup_output->length, data, length);
	setup_output->data = grown;
	setup_output->length += length;
	return 0;
}

int setup_output_answer(const struct setup_output *setup_output, const struct request *request,
			uint64_t deadline_ns, struct error *error)
{
	const size_t delivered = request->setup_delivered ? *request->setup_delivered : 0;
	if (delivered >= setup_output->length)
		return 0;
	int result = request->respond(request->context, setup_output->data + delivered,
				      setup_output->length - delivered, deadline_ns);
	if (result)
		return error_set_errno(error, -result, "cannot write the response");
	if (request->setup_delivered)
		*request->setup_delivered = setup_output->length;
	return 0;
}

void setup_output_release(struct setup_output *setup_output)
{
	free(setup_output->data);
	*setup_output = (struct setup_output){0};
}
