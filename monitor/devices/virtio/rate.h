/* How fast a device may go: bytes and operations in a second, each as a token bucket that holds a
 * tenth of a second's worth. What is larger than that passes, and is paid off afterwards. */
#ifndef MAYFLY_MONITOR_VIRTIO_RATE_H
#define MAYFLY_MONITOR_VIRTIO_RATE_H

#include <stdbool.h>
#include <stdint.h>

#include "util/error.h"

struct rate_limit {
	uint64_t bytes, operations; /* in a second; 0: as many as it can */
};

/* When each is paid off (CLOCK_MONOTONIC): a clock of this host, and nothing to save. Zero is a full
 * bucket. */
struct rate_bucket {
	uint64_t bytes_paid_ns, operations_paid_ns;
};

/* When the next operation may be done; 0: now. */
uint64_t rate_due(const struct rate_limit *limit, const struct rate_bucket *bucket,
		  uint64_t now_ns);

/* An operation of so many bytes is done. */
void rate_pay(const struct rate_limit *limit, struct rate_bucket *bucket, uint64_t bytes,
	      uint64_t now_ns);

/* Reads BYTES[,OPERATIONS], numbers with k, M or G behind them or not. `what` is whose limit it is,
 * for the message. EINVAL. */
int rate_parse(struct rate_limit *limit, const char *text, const char *what, struct error *error);

#endif
