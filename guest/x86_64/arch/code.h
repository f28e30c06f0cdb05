/* Code that is mapped while the program runs: shared libraries. */
#ifndef MAYFLY_GUEST_ARCH_CODE_H
#define MAYFLY_GUEST_ARCH_CODE_H

#include <stdbool.h>
#include <stdint.h>

#include "mayfly/guest_abi.h"

struct vma;

/* Code is rewritten as long as the program cannot write it: what it writes, it may read back, and
 * change, so it stays as it is. SYSCALL works there, too, at the price of an exit. */
static inline bool code_may_be_rewritten(uint32_t protection)
{
	return (protection & GUEST_EXECUTE) && !(protection & GUEST_WRITE);
}

/* Puts pages behind a VMA of the root image that has none yet: those in which system calls can be
 * had without SYSCALL (lib/syscall_patch/code.h) are copies with stubs, the others the image's own.
 * False where nothing was done: there are no such calls, or there is no room. */
bool code_fill(const struct vma *vma);

/* Does the same to a copy of code at [start, end), which can be written still. */
void code_rewrite(uint64_t start, uint64_t end);

/* Requests begin: code that is mapped from now on is left as it is. */
void code_leave_as_is(void);

#endif
