/* What the programs errors_tcp.c and errors_inet.c share: IPv4 addresses, and connections on the
 * loopback. Segments take their time on the host: what follows from one is waited for. */
#ifndef MAYFLY_TESTS_ERRORS_INET_H
#define MAYFLY_TESTS_ERRORS_INET_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include "errors.h"

#define LONG_MS 30000

static inline struct sockaddr_in address_of(uint32_t host, int port)
{
	return (struct sockaddr_in){.sin_family = AF_INET,
				    .sin_port = htons((uint16_t)port),
				    .sin_addr.s_addr = htonl(host)};
}

static inline int port_of(int descriptor)
{
	struct sockaddr_in name = {0};
	socklen_t length = sizeof(name);
	return getsockname(descriptor, (struct sockaddr *)&name, &length) ? -1
									  : ntohs(name.sin_port);
}

static inline int connect_to(int descriptor, uint32_t host, int port)
{
	struct sockaddr_in name = address_of(host, port);
	return connect(descriptor, (struct sockaddr *)&name, sizeof(name));
}

static inline int bind_to(int descriptor, uint32_t host, int port)
{
	struct sockaddr_in name = address_of(host, port);
	return bind(descriptor, (struct sockaddr *)&name, sizeof(name));
}

static inline int get(int descriptor, int level, int option)
{
	int value = -7;
	socklen_t length = sizeof(value);
	return getsockopt(descriptor, level, option, &value, &length) ? -1 : value;
}

static inline int set(int descriptor, int level, int option, int value)
{
	return setsockopt(descriptor, level, option, &value, sizeof(value));
}

static inline int ready(int descriptor)
{
	struct pollfd entry = {descriptor, POLLIN | POLLOUT | POLLRDHUP | POLLPRI, 0};
	poll(&entry, 1, 0);
	return entry.revents;
}

/* Waits for these events; what there is then. */
static inline int await(int descriptor, int events)
{
	struct pollfd entry = {descriptor, (short)events, 0};
	poll(&entry, 1, LONG_MS);
	return ready(descriptor);
}

/* Prints an address without its port, which is another one each time. */
static inline void print_name(const char *what, int descriptor, int peer)
{
	struct sockaddr_in name = {0};
	socklen_t length = sizeof(name);
	char text[64];
	int result = peer ? getpeername(descriptor, (struct sockaddr *)&name, &length)
			  : getsockname(descriptor, (struct sockaddr *)&name, &length);
	if (result)
		printf("%s: %s\n", what, strerror(errno));
	else
		printf("%s: family %d length %d %s port %s\n", what, name.sin_family, (int)length,
		       inet_ntop(AF_INET, &name.sin_addr, text, sizeof(text)),
		       name.sin_port ? "some" : "none");
}

static inline int listener(int backlog)
{
	int server = socket(AF_INET, SOCK_STREAM, 0);
	if (bind_to(server, INADDR_LOOPBACK, 0) || listen(server, backlog))
		perror("listen");
	return server;
}

struct connection {
	int server, client, accepted;
};

static inline struct connection make_connection(void)
{
	struct connection made = {listener(5), socket(AF_INET, SOCK_STREAM, 0), -1};
	if (connect_to(made.client, INADDR_LOOPBACK, port_of(made.server)))
		perror("connect");
	made.accepted = accept(made.server, NULL, NULL);
	return made;
}

static inline void close_connection(struct connection made)
{
	close(made.accepted);
	close(made.client);
	close(made.server);
}

#endif
