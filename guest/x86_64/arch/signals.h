/* What signals need of the processor: exceptions, and the frame of a handler. */
#ifndef MAYFLY_GUEST_ARCH_SIGNALS_H
#define MAYFLY_GUEST_ARCH_SIGNALS_H

#include <stdbool.h>
#include <stdint.h>

#include "registers.h"

/* The signal of an exception of the processor; 0: none. */
int exception_signal(uint64_t vector);

/* On the way back to the program: lets handlers run. `call_number`: the system call that is
 * over, or SIGNAL_NO_CALL. True where the frame was changed. */
#define SIGNAL_NO_CALL UINT64_MAX
bool signal_deliver(struct system_call_frame *frame, uint64_t call_number);

#endif
