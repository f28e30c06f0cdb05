/* The table of system calls: Linux' numbers to the functions of their families, and the calls that
 * Mayfly adds. A number without a function answers ENOSYS and is logged once at debug level. Where
 * the monitor wants a trace, each call leaves a record of itself. */
#include "dispatch.h"

#include <errno.h>
#include <sys/syscall.h>

#include "arch/registers.h"
#include "arch/signals.h"
#include "calls.h"
#include "guest/lib/system_call.h"
#include "guest/machine/hypercall.h"
#include "guest/machine/machine.h"
#include "guest/sched/thread.h"
#include "refusals.h"
#include "sizes/sizes.h"
#include "trace.h"

struct system_call {
	system_call_function *function;
	char arguments[8]; /* a letter for each, see calls.def */
};

#define CALL(name, arguments, support) [SYS_##name] = {call_##name, arguments}

static const struct system_call system_calls[] = {
#include "mayfly/calls.def"
};

#define SYSTEM_CALL_COUNT (ARRAY_SIZE(system_calls))
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
	refusals_note(number);
	return -ENOSYS;
}

static int64_t serve(uint64_t number, const uint64_t arguments[6])
{
	if (number < SYSTEM_CALL_COUNT && system_calls[number].function)
		return system_calls[number].function(arguments);
	switch (number) {
	case MAYFLY_SYS_READY:
		return call_mayfly_ready(arguments);
	case MAYFLY_SYS_ARENA:
		return call_mayfly_arena(arguments);
	case MAYFLY_SYS_CALL:
		return call_mayfly_call(arguments);
	default:
		return call_unknown(number);
	}
}

static int64_t serve_traced(uint64_t number, const uint64_t arguments[6])
{
	const char *letters = number < SYSTEM_CALL_COUNT ? system_calls[number].arguments : "";
	struct trace_call call;
	trace_begin(&call, number, arguments, letters);
	int64_t result = serve(number, arguments);
	trace_end(&call, number, arguments, letters, result);
	return result;
}

/* The way back to the program. */
static bool leave(struct system_call_frame *frame, uint64_t number)
{
	volatile struct guest_control *control = machine_control();
	if (__builtin_expect(control->tick_missed != 0, 0))
		thread_tick();
	struct thread *thread = thread_current();
	bool whole = thread->returns_from_handler;
	if (whole) /* a page that is not written need not be reset */
		thread->returns_from_handler = false;
	bool interrupted = frame->number >= (uint64_t)-RESTART_CALL_ALWAYS &&
			   frame->number <= (uint64_t)-RESTART_CALL;
	if (__builtin_expect(thread_signal_is_due() || interrupted || thread->restore_mask, 0))
		whole |= signal_deliver(frame, whole ? SIGNAL_NO_CALL : number);
	return whole;
}

bool libos_dispatch(struct system_call_frame *frame)
{
	uint64_t number = frame->number;
	bool traced = __builtin_expect(machine_control()->trace != 0, 0);
	frame->number = (uint64_t)(traced ? serve_traced(number, frame->arguments)
					  : serve(number, frame->arguments));
	return leave(frame, number);
}
