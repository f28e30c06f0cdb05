/* The message of a call, and what its answer means; see message.h. */
#include "accel/transports/message.h"

#include <errno.h>

#include "accel/state/op_context.h"
#include "accel/wire/wire.h"
#include "mayfly/results.h"
#include "util/log.h"
#include "vaccel/error.h"

int message_make(void *memory, uint64_t size, const struct accel_call *call, uint64_t request,
		 uint64_t *extent)
{
	int result = wire_encode(memory, size, call, request, extent);
	if (result == -ENOSPC) {
		uint64_t bytes = 0;
		for (size_t i = 0; i < call->input_count; i++)
			bytes += call->inputs[i].size;
		return op_refuse(VACCEL_ENOSPC,
				 "what goes in has %llu bytes: all that goes into an op and comes "
				 "out of it may have %llu MiB together",
				 (unsigned long long)bytes, (unsigned long long)(size >> 20));
	}
	if (result)
		return op_refuse(VACCEL_EINVAL, "an op may have %d arguments, not %zu",
				 WIRE_ARGUMENTS_MAX, call->input_count + call->output_count);
	return 0;
}

int message_take(const void *memory, uint64_t extent, const struct accel_call *call,
		 uint64_t request)
{
	int status;
	int result = wire_read_answer(memory, extent, call, request, &status);
	if (result == -ENOMEM)
		return op_refuse(VACCEL_ENOMEM, "no memory for what came out of the op: a function "
						"is given more with --memory");
	if (result)
		return VACCEL_EREMOTEIO;
	if (status) {
		char reason[MAYFLY_REASON_SIZE];
		wire_read_reason(memory, extent, reason, sizeof(reason));
		if (*reason)
			log_error("%s", reason);
		mayfly_op_set_reason(reason);
	}
	return status;
}
