/* The table of system calls: Linux' numbers to the functions of their families, and the calls that
 * Mayfly adds. A number without a function answers ENOSYS and is logged once at debug level. */
#include <errno.h>
#include <sys/syscall.h>

#include "calls.h"
#include "libos.h"

#define CALL(name, arguments, support) [SYS_##name] = {call_##name, arguments}

static const struct system_call system_calls[] = {
#include "calls.def"
};

#define SYSTEM_CALL_COUNT (sizeof(system_calls) / sizeof(system_calls[0]))
#define LOGGED_NUMBERS	  512

static int64_t call_unknown(uint64_t number)
{
	static uint8_t logged[LOGGED_NUMBERS / 8];
	if (number >= LOGGED_NUMBERS) {
		machine_debug("system call %lu: not supported (ENOSYS)", number);
	} else if (!(logged[number / 8] & 1 << number % 8)) {
		logged[number / 8] |= (uint8_t)(1 << number % 8);
		machine_debug("system call %lu: not supported (ENOSYS)", number);
	}
	return -ENOSYS;
}

void libos_dispatch(struct system_call_frame *frame)
{
	uint64_t number = frame->number;
	int64_t result;
	if (number < SYSTEM_CALL_COUNT && system_calls[number].function)
		result = system_calls[number].function(frame->arguments);
	else if (number == MAYFLY_SYS_READY)
		result = call_mayfly_ready(frame->arguments);
	else if (number == MAYFLY_SYS_ARENA)
		result = call_mayfly_arena(frame->arguments);
	else if (number == MAYFLY_SYS_CALL)
		result = call_mayfly_call(frame->arguments);
	else
		result = call_unknown(number);
	frame->number = (uint64_t)result;
}
