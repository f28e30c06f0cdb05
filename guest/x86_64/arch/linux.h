/* What Linux says of itself on this processor. */
#ifndef MAYFLY_GUEST_ARCH_LINUX_H
#define MAYFLY_GUEST_ARCH_LINUX_H

#define LINUX_MACHINE "x86_64" /* what uname(2) tells */

/* O_LARGEFILE, which F_GETFL shows of every regular file; the C library has 0 for it. */
#define LINUX_LARGE_FILE 0100000

#endif
