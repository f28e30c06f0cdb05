/* Privileged instructions, done to the virtual processor. */
#ifndef MAYFLY_MONITOR_DEPRIVILEGED_PRIVILEGED_H
#define MAYFLY_MONITOR_DEPRIVILEGED_PRIVILEGED_H

#include "emulation.h"

/* Does the instruction at RIP. */
enum emulation_result privileged_emulate(struct kernel *kernel, struct emulation *emulation);

/* PUSHF and POPF, of `size` bytes, which do not trap by themselves (flags.h). */
bool privileged_push_flags(struct kernel *kernel, unsigned size, struct exception *exception);
bool privileged_pop_flags(struct kernel *kernel, unsigned size, struct exception *exception);

#endif
