/* A server's socket on this machine, for tests and benchmarks. */
#ifndef MAYFLY_TESTS_LOOPBACK_H
#define MAYFLY_TESTS_LOOPBACK_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

/* Listens at a free port of 127.0.0.1. `flags`: SOCK_NONBLOCK, or 0. -1: errno says why. */
static inline int loopback_listen(int flags, unsigned *port)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(address);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) || listen(fd, 1024) ||
	    getsockname(fd, (struct sockaddr *)&address, &size))
		return -1;
	*port = ntohs(address.sin_port);
	return fd;
}

#endif
