#include "link/link.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include "util/file.h"

int link_send(int socket, struct link_message *message)
{
	message->magic = LINK_MAGIC;
	message->version = LINK_VERSION;
	while (send(socket, message, sizeof(*message), MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
		if (errno == EINTR)
			continue;
		return errno == ECONNRESET ? -EPIPE : -errno;
	}
	return 0;
}

int link_send_wait(int socket, struct link_message *message)
{
	int result;
	while ((result = link_send(socket, message)) == -EAGAIN) {
		result = file_wait_ready(socket, POLLOUT, UINT64_MAX);
		if (result)
			return result;
	}
	return result;
}

int link_receive(int socket, struct link_message *message)
{
	ssize_t length;
	while ((length = recv(socket, message, sizeof(*message), MSG_DONTWAIT | MSG_TRUNC)) < 0) {
		if (errno == EINTR)
			continue;
		return errno == ECONNRESET ? -EPIPE : -errno;
	}
	if (!length)
		return -EPIPE;
	if (length != sizeof(*message) || message->magic != LINK_MAGIC ||
	    message->version != LINK_VERSION)
		return -EPROTO;
	return 0;
}
