/* For a guest: sends one client of a vsock port back what it sends, as an agent in a sandbox would answer
 * its host.
 *
 * usage: vsock_echo PORT */
#include <linux/vm_sockets.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static int fail(const char *call)
{
	perror(call);
	return 1;
}

int main(int argc, char **argv)
{
	static char buffer[64 << 10];
	struct sockaddr_vm address = {.svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_ANY};
	if (argc != 2)
		return 2;
	address.svm_port = (unsigned int)strtoul(argv[1], NULL, 10);
	int listener = socket(AF_VSOCK, SOCK_STREAM, 0);
	if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof(address)) ||
	    listen(listener, 1))
		return fail("listen");
	int client = accept(listener, NULL, NULL);
	if (client < 0)
		return fail("accept");
	for (;;) {
		ssize_t length = read(client, buffer, sizeof(buffer));
		if (length <= 0)
			return length < 0 ? fail("read") : 0;
		for (ssize_t sent = 0; sent < length;) {
			ssize_t more =
			    send(client, buffer + sent, (size_t)(length - sent), MSG_NOSIGNAL);
			if (more < 0)
				return fail("send");
			sent += more;
		}
	}
}
