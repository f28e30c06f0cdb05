/* Descriptors of processes; see pidfd_open(2). */
#ifndef MAYFLY_GUEST_PIDFDS_H
#define MAYFLY_GUEST_PIDFDS_H

struct process;

/* A new descriptor of the current process, which stands for `process` and is closed on exec. Of
 * `flags` O_NONBLOCK is kept. A negative errno: there is none. */
int pidfd_install(struct process *process, int flags);

#endif
