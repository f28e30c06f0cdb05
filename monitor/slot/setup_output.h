/* What a program's set-up wrote to standard output: every response begins with it, as if the
 * program had run from its start. */
#ifndef MAYFLY_MONITOR_SETUP_OUTPUT_H
#define MAYFLY_MONITOR_SETUP_OUTPUT_H

#include <stdint.h>

#include "request.h"
#include "util/error.h"

#define SETUP_OUTPUT_MAX (16UL << 20)

struct setup_output {
	uint8_t *data;
	size_t length;
};

/* Adds a part. ENOMEM; EFBIG beyond SETUP_OUTPUT_MAX, which leaves it as it was. */
int setup_output_add(struct setup_output *setup_output, const uint8_t *data, size_t length,
		     struct error *error);

/* Begins the response to `request` with it, but for what that has already. -ETIMEDOUT at
 * `deadline_ns`. */
int setup_output_answer(const struct setup_output *setup_output, const struct request *request,
			uint64_t deadline_ns, struct error *error);

void setup_output_release(struct setup_output *setup_output);

#endif
