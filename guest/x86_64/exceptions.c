/* Exceptions of the processor. */
#include <signal.h>

#include "arch/signals.h"

int exception_signal(uint64_t vector)
{
	static const uint8_t signals[] = {
	    [0] = SIGFPE,   [1] = SIGTRAP,  [3] = SIGTRAP, [4] = SIGSEGV, [5] = SIGSEGV,
	    [6] = SIGILL,   [10] = SIGSEGV, [11] = SIGBUS, [12] = SIGBUS, [13] = SIGSEGV,
	    [14] = SIGSEGV, [16] = SIGFPE,  [17] = SIGBUS, [19] = SIGFPE,
	};
	return vector < sizeof(signals) ? signals[vector] : 0;
}
