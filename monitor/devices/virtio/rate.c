/* Token buckets; see rate.h. */
#include "rate.h"

#include <errno.h>
#include <stdlib.h>

#include "util/clock.h"

#define BURST_NS  (NANOSECONDS_PER_SECOND / 10)
#define BYTES_MAX (1UL << 32) /* of one operation: no product overflows */

static uint64_t part_due(uint64_t rate, uint64_t paid_ns, uint64_t now_ns)
{
	return rate && paid_ns > now_ns + BURST_NS ? paid_ns - BURST_NS : 0;
}

uint64_t rate_due(const struct rate_limit *limit, const struct rate_bucket *bucket, uint64_t now_ns)
{
	const uint64_t bytes_ns = part_due(limit->bytes, bucket->bytes_paid_ns, now_ns);
	const uint64_t operations_ns =
	    part_due(limit->operations, bucket->operations_paid_ns, now_ns);
	return bytes_ns > operations_ns ? bytes_ns : operations_ns;
}

static void pay_part(uint64_t rate, uint64_t *paid_ns, uint64_t count, uint64_t now_ns)
{
	if (!rate)
		return;
	if (*paid_ns < now_ns)
		*paid_ns = now_ns;
	*paid_ns += count * NANOSECONDS_PER_SECOND / rate;
}

void rate_pay(const struct rate_limit *limit, struct rate_bucket *bucket, uint64_t bytes,
	      uint64_t now_ns)
{
	pay_part(limit->bytes, &bucket->bytes_paid_ns, bytes < BYTES_MAX ? bytes : BYTES_MAX,
		 now_ns);
	pay_part(limit->operations, &bucket->operations_paid_ns, 1, now_ns);
}

static bool parse_number(const char **text, uint64_t *number)
{
	char *end;
	errno = 0;
	*number = strtoull(*text, &end, 10);
	if (errno || end == *text || **text < '0' || **text > '9')
		return false;
	const unsigned shift = *end == 'k' ? 10 : *end == 'M' ? 20 : *end == 'G' ? 30 : 0;
	*text = end + (shift != 0);
	const bool fits = *number <= UINT64_MAX >> shift;
	*number <<= shift;
	return fits;
}

int rate_parse(struct rate_limit *limit, const char *text, const char *what, struct error *error)
{
	const char *rest = text;
	bool sound = parse_number(&rest, &limit->bytes);
	limit->operations = 0;
	if (sound && *rest == ',') {
		rest++;
		sound = parse_number(&rest, &limit->operations);
	}
	if (sound && !*rest)
		return 0;
	return error_set(
	    error, EINVAL,
	    "the limit of %s is '%s': give bytes in a second, as in 10M, and operations "
	    "after a comma if they are limited, too (0: no limit)",
	    what, text);
}
