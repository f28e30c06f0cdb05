/* The system calls that Mayfly adds to Linux': readiness, the arena, acceleration. */
#include <errno.h>

#include "guest/lib/system_call.h"
#include "guest/machine/machine.h"
#include "guest/mm/user_memory.h"
#include "request.h"

SYSTEM_CALL(mayfly_ready)
{
	request_ready_for_next();
	return 0;
}

SYSTEM_CALL(mayfly_arena)
{
	const uint64_t arena[2] = {GUEST_WINDOW_BASE + WINDOW_ARENA_OFFSET, WINDOW_ARENA_SIZE};
	return user_copy_out(arguments[0], arena, sizeof(arena));
}

SYSTEM_CALL(mayfly_call)
{
	uint64_t offset = arguments[0], length = arguments[1];
	if (length > WINDOW_ARENA_SIZE || offset > WINDOW_ARENA_SIZE - length)
		return -EINVAL;
	return machine_hypercall(HYPERCALL_ACCELERATE, offset, length, 0);
}
