/* Connections on their way to the worker; see handover.h. */
#include "acceld/common/handover.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include "util/cleanup.h"
#include "util/clock.h"
#include "util/descriptors_pass.h"
#include "util/file.h"

int handover_send(int handover, int connection, uint64_t limit_ns, struct error *error)
{
	uint64_t deadline_ns = clock_now_ns() + limit_ns;
	for (;;) {
		int result = descriptors_send(handover, "", 1, &connection, 1, MSG_DONTWAIT);
		if (!result || (result != -EAGAIN && result != -EINTR))
			return result ? error_set_errno(error, -result,
							"cannot hand a connection over")
				      : 0;
		result = file_wait_ready(handover, POLLOUT, deadline_ns);
		if (result && result != -EINTR)
			return error_set_errno(error, -result, "the worker takes no connections");
	}
}

/* Who sends it may have been taken over, and send what is no socket, or one of another kind. */
static int socket_option(int connection, int option)
{
	int value = -1;
	socklen_t length = sizeof(value);
	return getsockopt(connection, SOL_SOCKET, option, &value, &length) ? -1 : value;
}

int handover_receive(int handover, int *connection, int *type)
{
	char byte;
	int received;
	ssize_t length =
	    descriptors_receive(handover, &byte, sizeof(byte), &received, 1, MSG_DONTWAIT);
	if (length == -EAGAIN || length == -EINTR)
		return -EAGAIN;
	if (length <= 0)
		return -EPIPE;
	cleanup_close int fd = received;
	if (fd < 0 || socket_option(fd, SO_DOMAIN) != AF_UNIX)
		return -EPROTO;
	*type = socket_option(fd, SO_TYPE);
	if (*type != SOCK_SEQPACKET && *type != SOCK_STREAM)
		return -EPROTO;
	*connection = take_fd(&fd);
	return 0;
}
