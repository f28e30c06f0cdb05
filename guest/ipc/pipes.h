/* Pipes, with names and without. */
#ifndef MAYFLY_GUEST_PIPES_H
#define MAYFLY_GUEST_PIPES_H

#include <stdbool.h>
#include <stdint.h>

#include "guest/fs/inode.h"

/* An inode with an empty pipe, which the caller holds. One that is named waits at open() for its other
 * end. NULL: no memory. */
struct inode *pipe_create(uint32_t permissions, bool named);

#endif
