/* What a program finds on its stack when it starts, as /proc/self tells it. */
#ifndef MAYFLY_GUEST_PROC_STACK_H
#define MAYFLY_GUEST_PROC_STACK_H

#include "guest/fs/pseudo.h"

void proc_cmdline(struct pseudo_text *out);
void proc_environment(struct pseudo_text *out);
void proc_auxiliary_vector(struct pseudo_text *out);

/* Where the vDSO is, as the program was told; 0: it was not. */
uint64_t proc_vdso_address(void);

#endif
