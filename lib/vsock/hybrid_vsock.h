/* The Unix sockets that are the host's side of a guest's vsock, as Firecracker has them: PATH, where
 * the host's programs reach the guest, and PATH_PORT, where the guest reaches the host's. */
#ifndef MAYFLY_HYBRID_VSOCK_H
#define MAYFLY_HYBRID_VSOCK_H

#include <stdint.h>

#include "util/error.h"

/* What a path may have, so that the largest port fits behind it. */
#define HYBRID_VSOCK_PATH_MAX 96

/* EINVAL for a path that is too long, or empty. */
int hybrid_vsock_check(const char *path, struct error *error);

/* Listens at `path`, by a socket that does not block and becomes the caller's. A socket that is there
 * and at which nobody listens any more is replaced; EADDRINUSE where somebody does, or where the file
 * is none. */
int hybrid_vsock_listen(const char *path, int *listener, struct error *error);

/* Connects to PATH_PORT without waiting, by a socket that does not block and becomes the caller's. 0
 * or a negative errno, -EAGAIN among them: the listener's queue is full. */
int hybrid_vsock_connect(const char *path, uint32_t port, int *connected);

#endif
