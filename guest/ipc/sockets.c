/* System calls on sockets: there are none in here. Programs ask all the same whether a descriptor
 * is one, and want to hear ENOTSOCK. */
#include <errno.h>
#include <sys/socket.h>

#include "guest/fs/descriptors.h"
#include "guest/lib/system_call.h"
#include "guest/machine/machine.h"

/* Says once in the log that the program wants a network. Not for local sockets: C libraries try
 * those for daemons that nobody misses. */
static int64_t no_socket(uint64_t family)
{
	static bool told;
	if (!told && ((uint32_t)family == AF_INET || (uint32_t)family == AF_INET6)) {
		machine_tell("socket: a guest has no network (EAFNOSUPPORT)");
		told = true;
	}
	return -EAFNOSUPPORT;
}

SYSTEM_CALL(socket)
{
	return no_socket(arguments[0]);
}

SYSTEM_CALL(socketpair)
{
	return no_socket(arguments[0]);
}

static int64_t refuse(const uint64_t arguments[6])
{
	return descriptor_opened(arguments[0]) ? -ENOTSOCK : -EBADF;
}

SYSTEM_CALL(connect)
{
	if (descriptor_opened(arguments[0]) &&
	    (uint32_t)arguments[2] > sizeof(struct sockaddr_storage))
		return -EINVAL;
	return refuse(arguments);
}

SYSTEM_CALL(accept4)
{
	if (descriptor_opened(arguments[0]) &&
	    (uint32_t)arguments[3] & ~(uint32_t)(SOCK_CLOEXEC | SOCK_NONBLOCK))
		return -EINVAL;
	return refuse(arguments);
}

#define REFUSED_CALL(name)                                                                         \
	SYSTEM_CALL(name)                                                                          \
	{                                                                                          \
		return refuse(arguments);                                                          \
	}

REFUSED_CALL(bind)
REFUSED_CALL(listen)
REFUSED_CALL(accept)
REFUSED_CALL(getsockname)
REFUSED_CALL(getpeername)
REFUSED_CALL(shutdown)
REFUSED_CALL(getsockopt)
REFUSED_CALL(setsockopt)
REFUSED_CALL(sendto)
REFUSED_CALL(recvfrom)
REFUSED_CALL(sendmsg)
REFUSED_CALL(recvmsg)
