/* Messages over Unix sockets (SOCK_SEQPACKET) that bring descriptors along; see SCM_RIGHTS in
 * unix(7). Guest processes receive theirs by themselves: there is no C library in them. */
#ifndef MAYFLY_UTIL_DESCRIPTORS_PASS_H
#define MAYFLY_UTIL_DESCRIPTORS_PASS_H

#include <stddef.h>
#include <sys/types.h>

/* The most that one message brings here. */
#define DESCRIPTORS_PASS_MAX 80

/* Sends one message with `count` descriptors, which stay the caller's. `flags` are those of
 * sendmsg(2): MSG_DONTWAIT, or 0. A peer that has gone is no signal. Returns 0, -E2BIG for too many
 * descriptors, or a negative errno. */
int descriptors_send(int socket, const void *data, size_t size, const int *descriptors,
		     size_t count, int flags);

/* Receives one message of `size` bytes at most. The first `count` descriptors that came along are
 * the caller's then (close-on-exec), and there is -1 for each that is missing; further ones are
 * closed. Where the kernel had to leave some out, because there were too many or this process may
 * have no more, the others are closed, too, and all are -1. Returns the length, more than `size`
 * where the message was longer, 0 at the end, or a negative errno. */
ssize_t descriptors_receive(int socket, void *data, size_t size, int *descriptors, size_t count,
			    int flags);

#endif
