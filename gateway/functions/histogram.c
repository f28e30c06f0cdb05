#include "functions/histogram.h"

#include "sizes/sizes.h"
#include "util/clock.h"

static const uint64_t bounds_us[HISTOGRAM_BUCKETS] = {
    50,	   100,	   250,	   500,	   1000,    2500,    5000,    10000,	25000,
    50000, 100000, 250000, 500000, 1000000, 2500000, 5000000, 10000000, 60000000};

void histogram_add(struct histogram *histogram, uint64_t ns)
{
	unsigned i = 0;
	while (i < HISTOGRAM_BUCKETS && ns > bounds_us[i] * 1000)
		i++;
	histogram->counts[i]++;
	histogram->count++;
	histogram->sum_ns += ns;
}

void histogram_print(const struct histogram *histogram, FILE *out, const char *name,
		     const char *labels)
{
	const char *comma = *labels ? "," : "";
	uint64_t sum = 0;
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
		sum += histogram->counts[i];
		fprintf(out, "%s_bucket{%s%sle=\"%g\"} %lu\n", name, labels, comma,
			(double)bounds_us[i] / 1e6, sum);
	}
	fprintf(out, "%s_bucket{%s%sle=\"+Inf\"} %lu\n", name, labels, comma, histogram->count);
	fprintf(out, "%s_sum%s%s%s %.9f\n", name, *labels ? "{" : "", labels, *labels ? "}" : "",
		(double)histogram->sum_ns / NANOSECONDS_PER_SECOND);
	fprintf(out, "%s_count%s%s%s %lu\n", name, *labels ? "{" : "", labels, *labels ? "}" : "",
		histogram->count);
}
