/* The system calls that Mayfly adds to Linux': readiness, the arena, acceleration. */
#include <errno.h>

#include "calls.h"
#include "libos.h"

int64_t call_mayfly_ready(const uint64_t arguments[6])
{
	request_ready_for_next();
	return 0;
}

int64_t call_mayfly_arena(const uint64_t arguments[6])
{
	const uint64_t arena[2] = {GUEST_WINDOW_BASE + WINDOW_ARENA_OFFSET, WINDOW_ARENA_SIZE};
	return user_copy_out(arguments[0], arena, sizeof(arena));
}

int64_t call_mayfly_call(const uint64_t arguments[6])
{
	uint64_t offset = arguments[0], length = arguments[1];
	if (length > WINDOW_ARENA_SIZE || offset > WINDOW_ARENA_SIZE - length)
		return -EINVAL;
	return machine_hypercall(HYPERCALL_ACCELERATE, offset, length, 0);
}
