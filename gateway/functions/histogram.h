/* Counts of times, by Prometheus' usual buckets and finer ones below: requests here take microseconds. */
#ifndef MAYFLY_GATEWAY_HISTOGRAM_H
#define MAYFLY_GATEWAY_HISTOGRAM_H

#include <stdint.h>
#include <stdio.h>

#define HISTOGRAM_BUCKETS 18

struct histogram {
	uint64_t counts[HISTOGRAM_BUCKETS + 1]; /* the last: above all bounds */
	uint64_t count, sum_ns;
};

void histogram_add(struct histogram *histogram, uint64_t ns);

/* Writes its samples: NAME_bucket{LABELS,le="…"}, NAME_sum, NAME_count. `labels` may be "". */
void histogram_print(const struct histogram *histogram, FILE *out, const char *name,
		     const char *labels);

#endif
