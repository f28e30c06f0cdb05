/* What all system calls on sockets begin with. */
#ifndef MAYFLY_GUEST_SOCKET_FIND_H
#define MAYFLY_GUEST_SOCKET_FIND_H

#include "guest/socket/socket.h"

/* The socket that a descriptor names. 0; -EBADF or -ENOTSOCK. */
int socket_find(uint64_t descriptor, struct file **file, struct socket **socket);

/* An address of the program's. 0, -EINVAL or -EFAULT. */
int socket_name_read(struct socket_name *name, uint64_t address, uint32_t length);

/* Writes an address, and how long it is, as far as there is room; `length`: where the room is told,
 * and the length belongs. 0, -EINVAL or -EFAULT. */
int socket_name_write(const struct socket_name *name, uint64_t address, uint64_t length);

#endif
