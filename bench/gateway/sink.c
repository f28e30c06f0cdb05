/* sink: the least that takes an HTTP body: reads it from its socket and throws it away. A copy through a
 * socket, to compare the gateway with.
 * Prints its port, and serves one connection after the other until it is killed. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loopback.h"
#include "util/cleanup.h"

#define BUFFER_SIZE 262144

/* One request. False where the connection has ended. */
static int serve_one(int fd, char *buffer)
{
	static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
	size_t got = 0;
	const char *end = NULL;
	while (!end) {
		const ssize_t part = recv(fd, buffer + got, BUFFER_SIZE - 1 - got, 0);
		if (part <= 0)
			return 0;
		got += (size_t)part;
		buffer[got] = 0;
		end = strstr(buffer, "\r\n\r\n");
	}
	const char *length = strcasestr(buffer, "Content-Length:");
	size_t left = length && length < end ? strtoul(length + 15, NULL, 10) : 0;
	left -= got - (size_t)(end + 4 - buffer);
	while (left) {
		const ssize_t part = recv(fd, buffer, BUFFER_SIZE < left ? BUFFER_SIZE : left, 0);
		if (part <= 0)
			return 0;
		left -= (size_t)part;
	}
	return send(fd, answer, sizeof(answer) - 1, MSG_NOSIGNAL) > 0;
}

int main(void)
{
	static char buffer[BUFFER_SIZE];
	unsigned port;
	const int listening = loopback_listen(0, &port);
	if (listening < 0) {
		perror("sink: cannot listen");
		return 1;
	}
	printf("%u\n", port);
	fflush(stdout);
	for (;;) {
		cleanup_close int fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0)
			return 1;
		while (serve_one(fd, buffer))
			;
	}
}
