/* What madvise() arranges for mapped memory, beyond the call itself. */
#ifndef MAYFLY_GUEST_MADVISE_H
#define MAYFLY_GUEST_MADVISE_H

#include <stdbool.h>
#include <stdint.h>

#include "fork_mark.h"

/* Marks what is mapped for the program there, or takes the mark away. 0; -EINVAL where it is to be wiped
 * and is of a file, or was there from the start; or -ENOMEM. */
int madvise_set_mark(uint64_t address, uint64_t pages, enum fork_mark mark, bool set);
bool madvise_has_mark(uint64_t address, enum fork_mark mark);

#endif
