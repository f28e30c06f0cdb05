/* What a program's set-up wrote to standard output: every response begins with it, as if the
 * program had run from its start. */
#ifndef MAYFLY_MONITOR_PREFIX_H
#define MAYFLY_MONITOR_PREFIX_H

#include <stdint.h>

#include "monitor.h"

#define PREFIX_MAX (16UL << 20)

struct prefix {
	uint8_t *data;
	size_t length;
};

/* Adds a part. ENOMEM; EFBIG beyond PREFIX_MAX, which leaves it as it was. */
int prefix_add(struct prefix *prefix, const uint8_t *data, size_t length, struct error *error);

/* Begins the response to `request` with it. -ETIMEDOUT at `deadline_ns`. */
int prefix_answer(const struct prefix *prefix, const struct request *request, uint64_t deadline_ns,
		  struct error *error);

void prefix_release(struct prefix *prefix);

#endif
