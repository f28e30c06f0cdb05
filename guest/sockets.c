/* System calls on sockets: there are none in here. Programs ask all the same whether a descriptor
 * is one, and want to hear ENOTSOCK. */
#include <errno.h>
#include <sys/socket.h>

#include "calls.h"
#include "files.h"
#include "libos.h"

/* Says it once where the program wants a network. C libraries look for daemons by local sockets of
 * their own accord: nobody misses those. */
static int64_t no_socket(uint64_t family)
{
	static bool told;
	if (!told && ((uint32_t)family == AF_INET || (uint32_t)family == AF_INET6)) {
		machine_tell("socket: a guest has no network (EAFNOSUPPORT)");
		told = true;
	}
	return -EAFNOSUPPORT;
}

int64_t call_socket(const uint64_t arguments[6])
{
	return no_socket(arguments[0]);
}

int64_t call_socketpair(const uint64_t arguments[6])
{
	return no_socket(arguments[0]);
}

static int64_t refuse(const uint64_t arguments[6])
{
	return descriptor_file((uint32_t)arguments[0]) ? -ENOTSOCK : -EBADF;
}

int64_t call_bind(const uint64_t arguments[6])
{
	return refuse(arguments);
}

int64_t call_listen(const uint64_t arguments[6])
{
	return refuse(arguments);
}

int64_t call_connect(const uint64_t arguments[6])
{
	return refuse(arguments);
}

int64_t call_accept(const uint64_t arguments[6])
{
	return refuse(arguments);
}

int64_t call_accept4(const uint64_t arguments[6])
{
	return refuse(arguments);
}

int64_t call_getsockname(const uint64_t arguments[6])
{
	return refuse(arguments);
}

int64_t call_getpeername(const uint64_t arguments[6])
{
	return refuse(arguments);
}

int64_t call_shutdown(const uint64_t arguments[6])
{
	return refuse(arguments);
}

int64_t call_getsockopt(const uint64_t arguments[6])
{
	return refuse(arguments);
}

int64_t call_setsockopt(const uint64_t arguments[6])
{
	return refuse(arguments);
}

int64_t call_sendto(const uint64_t arguments[6])
{
	return refuse(arguments);
}

int64_t call_recvfrom(const uint64_t arguments[6])
{
	return refuse(arguments);
}

int64_t call_sendmsg(const uint64_t arguments[6])
{
	return refuse(arguments);
}

int64_t call_recvmsg(const uint64_t arguments[6])
{
	return refuse(arguments);
}
