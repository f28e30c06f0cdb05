/* The memory that a message is gathered from, or scattered to: one buffer, or a vector of the
 * program's. It is looked at again at each step, because other threads run while a call waits. */
#ifndef MAYFLY_GUEST_SOCKET_BUFFERS_H
#define MAYFLY_GUEST_SOCKET_BUFFERS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

struct socket_buffers {
	uint64_t vector; /* the program's array of struct iovec; 0: there is only `single` */
	uint64_t count;
	struct iovec single;
	uint64_t part, done; /* how far it is: the part, and bytes of it */
	bool own;	     /* memory of the library OS itself */
};

/* One buffer. It is the library OS's own where the program could not use it: the callers of read
 * and write have checked the program's. */
struct socket_buffers socket_buffer(const void *bytes, uint64_t length);

/* The program's vector, with the sum of its lengths. 0; -EMSGSIZE, -EINVAL or -EFAULT. */
int socket_buffers_read(struct socket_buffers *buffers, uint64_t vector, uint64_t count,
			uint64_t *length);

/* Copies the next bytes, and moves on. 0, or -EFAULT. */
int socket_buffers_gather(struct socket_buffers *buffers, void *out, uint64_t length);
int socket_buffers_scatter(struct socket_buffers *buffers, const void *bytes, uint64_t length);

#endif
