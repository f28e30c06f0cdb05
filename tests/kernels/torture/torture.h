/* The parts of the torture kernel. Each prints what it sees, the same lines in ring 0 and deprivileged;
 * what differs there by nature is in docs/unikernels.md and is not asked for. */
#ifndef MAYFLY_TESTS_KERNELS_TORTURE_H
#define MAYFLY_TESTS_KERNELS_TORTURE_H

void torture_descriptors(void);
void torture_control(void);
void torture_models(void);
void torture_exceptions(void);
void torture_nested(void);
void torture_flags(void);
void torture_interrupts(void);
void torture_paging(void);
void torture_rights(void);

#endif
