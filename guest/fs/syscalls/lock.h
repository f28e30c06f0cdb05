/* Locks of parts of files, as fcntl(2) asks for them. */
#ifndef MAYFLY_GUEST_LOCK_CALLS_H
#define MAYFLY_GUEST_LOCK_CALLS_H

#include <stdint.h>

/* F_GETLK, F_SETLK, F_SETLKW or the same of an open file (F_OFD_…), with a struct flock at the
 * address. What the call returns. */
int64_t lock_record(uint32_t descriptor, uint32_t command, uint64_t address);

#endif
