#include "listen.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "util/cleanup.h"

#define BACKLOG 4096

#define PAUSE_NS 20000000
#define ATTEMPTS 50

/* "host:port", "[host]:port", ":port". */
static int split(const char *where, char *host, size_t size, const char **port)
{
	const char *colon = strrchr(where, ':');
	if (!colon || !colon[1])
		return -EINVAL;
	size_t length = (size_t)(colon - where);
	const char *begin = where;
	if (*where == '[') {
		if (length < 2 || where[length - 1] != ']')
			return -EINVAL;
		begin++;
		length -= 2;
	} else if (memchr(where, ':', length)) {
		return -EINVAL;
	}
	if (length >= size)
		return -EINVAL;
	memcpy(host, begin, length);
	host[length] = 0;
	*port = colon + 1;
	return 0;
}

static int bind_at(const struct sockaddr *address, socklen_t length)
{
	const int on = 1;
	cleanup_close int fd =
	    socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	/* Connections of a gateway that has just ended do not keep the next one from its port. */
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	return bind(fd, address, length) ? -errno : take_fd(&fd);
}

/* Where the port is for the kernel to choose, the socket is bound once more, to the port that it has chosen: a socket
 * that a worker has shut down would not keep it otherwise. */
static int try_at(const struct addrinfo *address)
{
	struct sockaddr_storage chosen = {0};
	socklen_t length = sizeof(chosen);
	cleanup_close int first = bind_at(address->ai_addr, address->ai_addrlen);
	if (first < 0)
		return first;
	if (getsockname(first, (struct sockaddr *)&chosen, &length))
		return -errno;
	cleanup_close int fd = bind_at((const struct sockaddr *)&chosen, length);
	if (fd < 0)
		return fd;
	return listen(fd, BACKLOG) ? -errno : take_fd(&fd);
}

/* The HTTP worker of a gateway that was killed has the socket for a moment longer than the gateway lived. */
static int open_at(const struct addrinfo *address)
{
	const struct timespec pause = {.tv_nsec = PAUSE_NS};
	int result = try_at(address);
	for (unsigned i = 0; result == -EADDRINUSE && i < ATTEMPTS; i++) {
		nanosleep(&pause, NULL);
		result = try_at(address);
	}
	return result;
}

static int describe(struct listening *listening)
{
	struct sockaddr_storage address = {0};
	socklen_t length = sizeof(address);
	char port[16];
	if (getsockname(listening->socket, (struct sockaddr *)&address, &length))
		return -errno;
	if (getnameinfo((struct sockaddr *)&address, length, listening->address,
			sizeof(listening->address), port, sizeof(port),
			NI_NUMERICHOST | NI_NUMERICSERV))
		return -EINVAL;
	listening->port = (unsigned)strtoul(port, NULL, 10);
	return 0;
}

int listen_open(struct listening *listening, const char *where, const char *option,
		struct error *error)
{
	char host[256];
	const char *port;
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
				       .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
	struct addrinfo *found;
	if (split(where, host, sizeof(host), &port))
		return error_set(error, EINVAL, "--%s: '%s' is no ADDRESS:PORT", option, where);
	int code = getaddrinfo(*host ? host : NULL, port, &hints, &found);
	if (code)
		return error_set(error, EINVAL, "--%s: %s: %s", option, where, gai_strerror(code));
	int result = open_at(found);
	freeaddrinfo(found);
	if (result == -EADDRINUSE)
		return error_set(
		    error, EADDRINUSE,
		    "another program listens at %s: end it, or give another address by "
		    "--%s=ADDRESS:PORT (port 0: any that is free)",
		    where, option);
	if (result < 0)
		return error_set_errno(error, -result, "cannot listen at %s (--%s)", where, option);
	listening->socket = result;
	result = describe(listening);
	if (result) {
		close(listening->socket);
		return error_set_errno(error, -result, "cannot tell where %s is", where);
	}
	return 0;
}
