/* Connecting to an accelerator host by its address; see dial.h. */
#include "accel/transports/dial.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/vm_sockets.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "accel_link/unix_connect.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/file.h"

int dial_parse(struct address *address, const char *text, struct error *error)
{
	int result = address_parse(text, address, error);
	/* One may listen there, but not connect. */
	if (!result && address->kind == ADDRESS_VSOCK && address->cid == VMADDR_CID_ANY)
		result = error_set(error, EINVAL, "the context id is missing (the host's is 2)");
	else if (!result && address->kind != ADDRESS_VSOCK && !*address->host)
		result = error_set(error, EINVAL, "the host is missing");
	return result ? error_wrap(error, "%.160s is no accelerator host's address", text) : 0;
}

/* Unix: packets where the listener has them; a forwarder has a stream. */
static int connect_unix(const struct address *address, uint64_t deadline_ns, int *fd)
{
	struct sockaddr_un path = {.sun_family = AF_UNIX};
	const size_t name_length = strlen(address->host);
	socklen_t length = sizeof(path);
	const bool is_abstract = *address->host == '@';
	memcpy(path.sun_path, address->host, name_length); /* which has been seen to fit */
	if (is_abstract) {
		path.sun_path[0] = 0;
		length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + name_length);
	}
	int result = unix_connect(&path, length, SOCK_SEQPACKET, deadline_ns, fd);
	/* Abstract names are looked up among those of the socket's type. */
	const bool is_other_type =
	    result == -EPROTOTYPE || (result == -ECONNREFUSED && is_abstract);
	return is_other_type && address->kind == ADDRESS_UNIX
		   ? unix_connect(&path, length, SOCK_STREAM, deadline_ns, fd)
		   : result;
}

/* A socket that blocks again once it is connected. */
static int connect_stream(const struct sockaddr *to, socklen_t length, uint64_t deadline_ns,
			  int *socket_fd)
{
	cleanup_close int fd = socket(to->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	int result = connect(fd, to, length) ? -errno : 0;
	if (result == -EINPROGRESS || result == -EINTR) {
		int failure;
		socklen_t size = sizeof(failure);
		result = file_wait_ready(fd, POLLOUT, deadline_ns);
		if (!result && getsockopt(fd, SOL_SOCKET, SO_ERROR, &failure, &size))
			return -errno;
		result = result ? result : -failure;
	}
	if (!result && fcntl(fd, F_SETFL, 0))
		result = -errno;
	if (!result)
		*socket_fd = take_fd(&fd);
	return result;
}

static int connect_vsock(const struct address *address, uint64_t deadline_ns, int *fd)
{
	const struct sockaddr_vm to = {
	    .svm_family = AF_VSOCK, .svm_cid = address->cid, .svm_port = address->port};
	return connect_stream((const struct sockaddr *)&to, sizeof(to), deadline_ns, fd);
}

/* Small packets go at once; a host that vanished from the network is noticed after a minute. */
static void set_up_tcp(int fd)
{
	static const struct {
		int level, option, value;
	} options[] = {
	    {IPPROTO_TCP, TCP_NODELAY, 1},   {SOL_SOCKET, SO_KEEPALIVE, 1},
	    {IPPROTO_TCP, TCP_KEEPIDLE, 30}, {IPPROTO_TCP, TCP_KEEPINTVL, 10},
	    {IPPROTO_TCP, TCP_KEEPCNT, 3},   {IPPROTO_TCP, TCP_USER_TIMEOUT, 60000},
	};
	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		setsockopt(fd, options[i].level, options[i].option, &options[i].value,
			   sizeof(options[i].value));
}

/* All addresses of the name in turn. */
static int connect_tcp(const struct address *address, uint64_t deadline_ns, int *fd,
		       struct error *error)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
	struct addrinfo *found;
	char port[8];
	snprintf(port, sizeof(port), "%u", address->port);
	int failure = getaddrinfo(address->host, port, &hints, &found);
	if (failure)
		return error_set(error, EHOSTUNREACH, "cannot look up %s: %s", address->host,
				 gai_strerror(failure));
	int result = -EHOSTUNREACH;
	for (const struct addrinfo *each = found; result && each; each = each->ai_next)
		result = connect_stream(each->ai_addr, each->ai_addrlen, deadline_ns, fd);
	freeaddrinfo(found);
	if (!result)
		set_up_tcp(*fd);
	return result;
}

int dial(const struct address *address, uint64_t deadline_ns, int *fd, struct error *error)
{
	struct error why = {0};
	int result;
	switch (address->kind) {
	case ADDRESS_UNIX:
	case ADDRESS_SEQPACKET:
		result = connect_unix(address, deadline_ns, fd);
		break;
	case ADDRESS_VSOCK:
		result = connect_vsock(address, deadline_ns, fd);
		break;
	default:
		result = connect_tcp(address, deadline_ns, fd, &why);
	}
	if (result && why.code) {
		if (error)
			*error = why;
		return result;
	}
	char text[ADDRESS_HOST_MAX + 32];
	address_format(address, text, sizeof(text));
	return result ? error_set_errno(error, -result, "cannot connect to %s", text) : 0;
}
