/* Messages that bring descriptors along; see descriptors_pass.h. */
#include "util/descriptors_pass.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Room for descriptors, aligned as the kernel's headers want it. */
union control {
	struct cmsghdr header;
	char room[CMSG_SPACE(DESCRIPTORS_PASS_MAX * sizeof(int))];
};

int descriptors_send(int socket, const void *data, size_t size, const int *descriptors,
		     size_t count, int flags)
{
	struct iovec part = {.iov_base = (void *)data, .iov_len = size};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
	union control control;
	if (count > DESCRIPTORS_PASS_MAX)
		return -E2BIG;
	if (count) {
		memset(&control, 0, sizeof(control));
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(&control.header), descriptors, count * sizeof(int));
		message.msg_control = &control;
		message.msg_controllen = CMSG_SPACE(count * sizeof(int));
	}
	ssize_t sent;
	do
		sent = sendmsg(socket, &message, flags | MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	if (sent < 0)
		return -errno;
	return sent == (ssize_t)size ? 0 : -EMSGSIZE;
}

/* Takes the first descriptors out of a received message and closes any other. */
static void take_descriptors(struct msghdr *message, int *descriptors, size_t count)
{
	const size_t wanted = message->msg_flags & MSG_CTRUNC ? 0 : count;
	size_t taken = 0;
	for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header;
	     header = CMSG_NXTHDR(message, header)) {
		if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
			continue;
		const size_t received = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < received; i++) {
			int fd;
			memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof(int));
			if (taken < wanted)
				descriptors[taken++] = fd;
			else
				close(fd);
		}
	}
}

ssize_t descriptors_receive(int socket, void *data, size_t size, int *descriptors, size_t count,
			    int flags)
{
	struct iovec part = {.iov_base = data, .iov_len = size};
	union control control;
	struct msghdr message = {
	    .msg_iov = &part,
	    .msg_iovlen = 1,
	    .msg_control = &control,
	    .msg_controllen = sizeof(control),
	};
	for (size_t i = 0; i < count; i++)
		descriptors[i] = -1;
	ssize_t length;
	do
		length = recvmsg(socket, &message, flags | MSG_CMSG_CLOEXEC);
	while (length < 0 && errno == EINTR);
	if (length < 0)
		return -errno;
	take_descriptors(&message, descriptors, count);
	return message.msg_flags & MSG_TRUNC ? (ssize_t)size + 1 : length;
}
