/* /proc/self/limits. */
#ifndef MAYFLY_GUEST_PROC_LIMITS_H
#define MAYFLY_GUEST_PROC_LIMITS_H

#include "guest/fs/pseudo.h"

void proc_limits(struct pseudo_text *out);

#endif
