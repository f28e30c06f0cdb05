/* The functions behind the table of system calls: each takes the six argument registers and returns
 * what the program finds in rax. calls.def has their names. */
#ifndef MAYFLY_GUEST_CALLS_H
#define MAYFLY_GUEST_CALLS_H

#include <stdint.h>

#define CALL(name, ...) call_##name(const uint64_t arguments[6])
int64_t
#include "calls.def"
    /* Not Linux'; see mayfly.c. */
    CALL(mayfly_ready),
    CALL(mayfly_arena), CALL(mayfly_call);
#undef CALL

#endif
