/* For functions: what a program can say to Mayfly. No library is needed, and no harm is done
 * elsewhere: on Linux the calls fail with ENOSYS.
 *
 *     #include <mayfly/mayfly.h>
 *
 *     int main(void)
 *     {
 *             load_tables();
 *             mayfly_ready();
 *             …
 */
#ifndef MAYFLY_MAYFLY_H
#define MAYFLY_MAYFLY_H

#include <unistd.h>

#include "mayfly/guest_abi.h"

/* Says that set-up is done: the snapshot from which every request is cloned is taken here, and the
 * call returns once in each clone. Without it the snapshot is taken when the program first reads
 * its standard input.
 *
 * Called again, it says that the program is done with its request, which ends with status 0. So a
 * program that serves one request after another calls it at each turn:
 *
 *     for (;;) {
 *             mayfly_ready();
 *             … read the request, write the response, fflush(stdout) …
 *     }
 *
 * Output that was written before the first call is part of every response, as far as the C library
 * has passed it on: call fflush() first. 0; -1 with errno ENOSYS where the program does not run
 * under Mayfly. */
static inline int mayfly_ready(void)
{
	return (int)syscall(MAYFLY_SYS_READY);
}

#endif
