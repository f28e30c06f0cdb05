/* For a guest that has guests of its own: what listens at the hybrid socket of an inner guest's vsock, and
 * connects whoever comes to a port of the outer guest's host. One client at a time.
 *
 * usage: vsock_relay PATH PORT */
#include <linux/vm_sockets.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int fail(const char *call)
{
	perror(call);
	return 1;
}

static int listen_at(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
	int listener = socket(AF_UNIX, SOCK_STREAM, 0);
	if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof(address)) ||
	    listen(listener, 1))
		return -1;
	return listener;
}

static int connect_to_host(unsigned port)
{
	struct sockaddr_vm address = {
	    .svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_HOST, .svm_port = port};
	int host = socket(AF_VSOCK, SOCK_STREAM, 0);
	if (host >= 0 && connect(host, (struct sockaddr *)&address, sizeof(address))) {
		close(host);
		return -1;
	}
	return host;
}

/* Moves what there is. False: that side has ended. */
static int move(int from, int to)
{
	static char buffer[64 << 10];
	ssize_t length = read(from, buffer, sizeof(buffer));
	for (ssize_t sent = 0; sent < length;) {
		ssize_t more = send(to, buffer + sent, (size_t)(length - sent), MSG_NOSIGNAL);
		if (more <= 0)
			return 0;
		sent += more;
	}
	return length > 0;
}

static void relay(int one, int other)
{
	struct pollfd ends[2] = {{.fd = one, .events = POLLIN}, {.fd = other, .events = POLLIN}};
	while (poll(ends, 2, -1) > 0)
		for (int i = 0; i < 2; i++)
			if (ends[i].revents && !move(ends[i].fd, ends[!i].fd))
				return;
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	int listener = listen_at(argv[1]);
	if (listener < 0)
		return fail(argv[1]);
	for (;;) {
		int client = accept(listener, NULL, NULL);
		if (client < 0)
			return fail("accept");
		int host = connect_to_host((unsigned)strtoul(argv[2], NULL, 10));
		if (host >= 0)
			relay(client, host);
		close(host);
		close(client);
	}
}
