/* Options of one run; see run_options.h. */
#include "run_options.h"

#include <errno.h>
#include <string.h>

#include "protobuf.h"
#include "util/clock.h"

/* Of RunOptions. */
enum { TRACE_LEVEL = 1, TIMEOUT_MS = 2, THREAD_POOL = 3, REPORT_ALLOCATIONS = 7 };

static int check(const struct network_call *call, struct error *error)
{
	struct protobuf message = protobuf_of(call->options, call->options_size);
	struct protobuf_field field;
	int more;
	if (call->options_size > RUN_OPTIONS_MAX)
		return error_set(error, EINVAL, "run options of %zu bytes: at most %d are taken",
				 call->options_size, RUN_OPTIONS_MAX);
	while ((more = protobuf_next(&message, &field)) > 0)
		if (field.is_bytes ||
		    (field.number != TRACE_LEVEL && field.number != TIMEOUT_MS &&
		     field.number != THREAD_POOL && field.number != REPORT_ALLOCATIONS))
			return error_set(error, EINVAL, "field %u of run options is not taken",
					 field.number);
	return more ? error_set(error, EINVAL, "the run options are no RunOptions message") : 0;
}

static void put_number(struct run_options *options, unsigned field, uint64_t value)
{
	options->bytes[options->length++] = (uint8_t)(field << 3);
	for (; value > 0x7f; value >>= 7)
		options->bytes[options->length++] = (uint8_t)(value | 0x80);
	options->bytes[options->length++] = (uint8_t)value;
}

/* A time of the caller's that comes first is kept: the last one of a field counts. */
static uint64_t callers_timeout(const struct network_call *call)
{
	struct protobuf message = protobuf_of(call->options, call->options_size);
	struct protobuf_field field;
	uint64_t timeout = 0;
	while (protobuf_next(&message, &field) > 0)
		if (field.number == TIMEOUT_MS)
			timeout = field.value;
	return timeout;
}

int run_options_make(struct run_options *options, const struct network_call *call,
		     struct error *error)
{
	int result = check(call, error);
	if (result)
		return result;
	options->length = call->options_size;
	if (call->options_size)
		memcpy(options->bytes, call->options, call->options_size);
	if (!call->deadline_ns)
		return 0;
	const uint64_t now = clock_now_ns(), wanted = callers_timeout(call);
	if (now >= call->deadline_ns)
		return error_set(error, ETIMEDOUT, "the deadline passed before the model ran");
	/* 0 would be no limit. */
	const uint64_t left = (call->deadline_ns - now) / 1000000 + 1;
	put_number(options, TIMEOUT_MS, wanted && wanted < left ? wanted : left);
	return 0;
}
