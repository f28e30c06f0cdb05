/* Code that is mapped while the program runs: shared libraries. */
#ifndef MAYFLY_GUEST_ARCH_CODE_H
#define MAYFLY_GUEST_ARCH_CODE_H

#include <stdbool.h>
#include <stdint.h>

struct vma;

/* Puts pages behind a VMA of the root image that has none yet: those in which system calls can be
 * had without SYSCALL (lib/syscall_patch/code.h) are copies with stubs, the others the image's own.
 * False where nothing was done: there are no such calls, or there is no room. */
bool code_fill(const struct vma *vma);

/* Does the same to a copy of code at [start, end), which can be written still. */
void code_rewrite(uint64_t start, uint64_t end);

#endif
