/* Connecting by a Unix socket to a listener whose queue may be full. */
#ifndef MAYFLY_UNIX_CONNECT_H
#define MAYFLY_UNIX_CONNECT_H

#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

/* How long to wait before another attempt to connect. */
#define UNIX_RETRY_PAUSE_NS 5000000L

/* Connects a new socket of this type, which blocks and is the caller's. Waits in a full queue until
 * `deadline_ns` (CLOCK_MONOTONIC): -ETIMEDOUT. 0 or a negative errno. */
int unix_connect(const struct sockaddr_un *address, socklen_t length, int type,
		 uint64_t deadline_ns, int *socket);

#endif
