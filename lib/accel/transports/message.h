/* The message of a call, and what its answer means, for transports: errors are told to the program
 * (mayfly_op_reason()) and to the log. Both return 0 or a positive VACCEL_E… code. */
#ifndef MAYFLY_ACCEL_TRANSPORTS_MESSAGE_H
#define MAYFLY_ACCEL_TRANSPORTS_MESSAGE_H

#include <stdint.h>

#include "accel/wire/call.h"

/* As wire_encode(). */
int message_make(void *memory, uint64_t size, const struct accel_call *call, uint64_t request,
		 uint64_t *extent);

/* As wire_read_answer(): the op's own result, or VACCEL_EREMOTEIO where it is no answer to that
 * message. */
int message_take(const void *memory, uint64_t extent, const struct accel_call *call,
		 uint64_t request);

#endif
