/* The machine; see machine.h. */
#include "machine.h"

#include <stdarg.h>

#include "clock.h"
#include "guest/lib/text.h"
#include "hypercall.h"

/* The program waits for others meanwhile: for whoever sends the request or takes the response, a
 * device, or the server of files. */
static bool is_wait(enum guest_hypercall call)
{
	switch (call) {
	case HYPERCALL_READ:
	case HYPERCALL_WRITE:
	case HYPERCALL_LOG:
	case HYPERCALL_ACCELERATE:
	case HYPERCALL_SLEEP:
	case HYPERCALL_ROOT:
		return true;
	default:
		return false;
	}
}

int64_t machine_hypercall(enum guest_hypercall call, uint64_t first, uint64_t second,
			  uint64_t third)
{
	if (!is_wait(call))
		return hypercall_make(call, first, second, third);
	const uint64_t before = clock_read_ns(false);
	const int64_t result = hypercall_make(call, first, second, third);
	clock_skip(clock_read_ns(false) - before);
	return result;
}

int64_t machine_map(uint64_t address, uint64_t source, uint64_t length, uint32_t protection)
{
	machine_control()->arguments[3] = protection;
	return machine_hypercall(HYPERCALL_MAP, address, source, length);
}

int64_t machine_enter_space(uint64_t number, uint64_t count, uint64_t dropped)
{
	machine_control()->arguments[3] = dropped;
	return machine_hypercall(HYPERCALL_SPACE, GUEST_SPACE_ENTER, number, count);
}

static char refusal[128];      /* what was noted last; empty: nothing was */
static uint64_t refused_bytes; /* of memory; 0: none was refused */

static void tell_refusal(void)
{
	if (refused_bytes)
		machine_tell(
		    "the program failed after it had asked for %lu KiB of memory, more than "
		    "there is; give more with --memory",
		    refused_bytes / 1024);
	else if (refusal[0])
		machine_tell(
		    "the program failed after it had asked for %s, which a machine does not "
		    "have; see docs/system-calls.md",
		    refusal);
	machine_forget_refusals();
}

void machine_forget_refusals(void)
{
	refusal[0] = 0;
	refused_bytes = 0;
}

void machine_note_no_memory(uint64_t bytes)
{
	refused_bytes = bytes;
}

void machine_note_refusal(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	text_format(refusal, sizeof(refusal), format, arguments);
	va_end(arguments);
}

void machine_exit(int status)
{
	if ((uint8_t)status)
		tell_refusal();
	for (;;)
		machine_hypercall(HYPERCALL_EXIT, (uint64_t)(uint8_t)status, 0, 0);
}

void machine_abort(int signal)
{
	tell_refusal();
	for (;;)
		machine_hypercall(HYPERCALL_ABORT, (uint64_t)signal, 0, 0);
}

void machine_tell(const char *format, ...)
{
	static const char prefix[] = "mayfly: ";
	const size_t begin = sizeof(prefix) - 1;
	char *area = (char *)GUEST_WINDOW_BASE + WINDOW_LOG_OFFSET;
	va_list arguments;
	va_start(arguments, format);
	memcpy(area, prefix, begin);
	size_t length =
	    begin + text_format(area + begin, WINDOW_LOG_SIZE - begin - 1, format, arguments);
	va_end(arguments);
	area[length++] = '\n';
	machine_hypercall(HYPERCALL_LOG, length, 0, 0);
}

void machine_debug(const char *format, ...)
{
	if (__builtin_expect(!machine_control()->debug, 1))
		return;
	va_list arguments;
	va_start(arguments, format);
	size_t length = text_format((char *)GUEST_WINDOW_BASE + WINDOW_LOG_OFFSET, WINDOW_LOG_SIZE,
				    format, arguments);
	va_end(arguments);
	machine_hypercall(HYPERCALL_DEBUG, length, 0, 0);
}
