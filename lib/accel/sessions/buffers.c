/* Buffers; see mayfly/buffers.h. */
#include "mayfly/buffers.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "accel/sessions/session.h"
#include "accel/transports/remote.h"
#include "sizes/sizes.h"
#include "vaccel/error.h"

#define PAGE 4096UL

int mayfly_buffer_new(struct vaccel_session *session, size_t size, void **buffer)
{
	if (!session || session->id < 1 || !buffer || !size)
		return VACCEL_EINVAL;
	void *memory = session_is_remote(session) ? remote_memory_take(session, size) : NULL;
	uint64_t whole;
	if (!memory && !round_up_overflows(size, PAGE, &whole)) {
		memory = aligned_alloc(PAGE, whole);
		if (memory)
			memset(memory, 0, whole);
	}
	if (!memory)
		return VACCEL_ENOMEM;
	*buffer = memory;
	return VACCEL_OK;
}

int mayfly_buffer_delete(struct vaccel_session *session, void *buffer)
{
	if (!session || session->id < 1)
		return VACCEL_EINVAL;
	if (buffer && !(session_is_remote(session) && remote_memory_give(session, buffer)))
		free(buffer);
	return VACCEL_OK;
}
