/* What madvise() arranges for mapped memory, beyond the call itself. */
#ifndef MAYFLY_GUEST_MADVISE_H
#define MAYFLY_GUEST_MADVISE_H

#include <stdbool.h>
#include <stdint.h>

/* What is mapped for the program there is to be zero in clones (MADV_WIPEONFORK), or not any more.
 * 0; -EINVAL where that is of a file, or was there from the start; or -ENOMEM. */
int madvise_set_wipe_on_fork(uint64_t address, uint64_t pages, bool wipe_on_fork);
bool madvise_is_wiped_on_fork(uint64_t address);

#endif
