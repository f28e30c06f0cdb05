/* The functions behind the table of system calls; see lib/system_call.h. For who calls them by
 * their names: dispatch.c, and tests. */
#ifndef MAYFLY_GUEST_CALLS_H
#define MAYFLY_GUEST_CALLS_H

#include <stdint.h>

#define CALL(name, ...) call_##name(const uint64_t arguments[6])
int64_t
#include "mayfly/calls.def"
    /* Not Linux'; see mayfly.c. */
    CALL(mayfly_ready),
    CALL(mayfly_arena), CALL(mayfly_call);
#undef CALL

#endif
