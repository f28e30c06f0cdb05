/* The way of a system call through the library OS. */
#ifndef MAYFLY_GUEST_DISPATCH_H
#define MAYFLY_GUEST_DISPATCH_H

#include <stdbool.h>

#include "arch/registers.h"

/* Serves the system call that the frame says, and leaves its result there. True where all registers
 * must come from the frame: the program does not go on behind its call. */
bool libos_dispatch(struct system_call_frame *frame);

#endif
