/* System calls that make sockets and connect them. */
#include <errno.h>
#include <fcntl.h>

#include "find.h"
#include "guest/fs/descriptors.h"
#include "guest/fs/inode.h"
#include "guest/lib/system_call.h"
#include "guest/mm/user_memory.h"
#include "guest/socket/inet/inet.h"
#include "guest/socket/netlink/netlink.h"
#include "guest/socket/unix/unix.h"

#define TYPE_MASK   0xfU /* in the argument, besides SOCK_CLOEXEC and SOCK_NONBLOCK */
#define BACKLOG_MAX 4096

_Static_assert(SOCK_NONBLOCK == O_NONBLOCK && SOCK_CLOEXEC == O_CLOEXEC, "they are one");

static bool is_internet(uint32_t family)
{
	return family == AF_INET || family == AF_INET6;
}

/* What a program asks for: of the type the family has. 0 or a negative errno. */
static int check_type(const uint64_t arguments[6], int *type, int *flags)
{
	const uint32_t family = (uint32_t)arguments[0], wanted = (uint32_t)arguments[1];
	*flags = (int)(wanted & ~TYPE_MASK);
	*type = (int)(wanted & TYPE_MASK);
	if (*flags & ~(SOCK_CLOEXEC | SOCK_NONBLOCK))
		return -EINVAL;
	if (family >= AF_MAX)
		return -EAFNOSUPPORT;
	if (*type > SOCK_PACKET)
		return -EINVAL;
	if (is_internet(family) || family == AF_NETLINK)
		return 0;
	if (family != AF_UNIX)
		return -EAFNOSUPPORT;
	if ((uint32_t)arguments[2] && (uint32_t)arguments[2] != AF_UNIX)
		return -EPROTONOSUPPORT;
	if (*type == SOCK_RAW)
		*type = SOCK_DGRAM;
	return *type == SOCK_STREAM || *type == SOCK_DGRAM || *type == SOCK_SEQPACKET
		   ? 0
		   : -ESOCKTNOSUPPORT;
}

/* Lets go of the inode. The descriptor, or a negative errno. */
static int open_socket(struct inode *inode, int flags)
{
	const struct socket *socket = inode->private;
	struct file *file = file_open(inode, O_RDWR | (flags & SOCK_NONBLOCK));
	inode_drop(inode);
	if (!file)
		return -ENOMEM;
	socket->operations->opened(file);
	return descriptor_install(file, 0, flags & SOCK_CLOEXEC);
}

SYSTEM_CALL(socket)
{
	struct inode *inode;
	int type, flags;
	const uint32_t family = (uint32_t)arguments[0];
	int error = check_type(arguments, &type, &flags);
	if (!error)
		error = is_internet(family)
			    ? inet_create((int)family, type, (int)arguments[2], &inode)
			: family == AF_NETLINK ? netlink_create(type, (int)arguments[2], &inode)
					       : unix_create(type, &inode);
	return error ? error : open_socket(inode, flags);
}

SYSTEM_CALL(socketpair)
{
	struct inode *pair[2];
	int type, flags, numbers[2];
	int error = check_type(arguments, &type, &flags);
	if (!error && !user_writable(arguments[3], sizeof(numbers)))
		error = -EFAULT;
	if (!error && (uint32_t)arguments[0] != AF_UNIX)
		error = -EOPNOTSUPP;
	if (!error)
		error = unix_create_pair(type, pair);
	if (error)
		return error;
	for (int end = 0; end < 2; end++)
		numbers[end] = open_socket(pair[end], flags);
	if (numbers[0] >= 0 && numbers[1] >= 0)
		return user_copy_out(arguments[3], numbers, sizeof(numbers));
	for (int end = 0; end < 2; end++)
		if (numbers[end] >= 0)
			descriptor_close((uint64_t)numbers[end]);
	return numbers[0] < 0 ? numbers[0] : numbers[1];
}

SYSTEM_CALL(bind)
{
	struct socket_name name;
	struct socket *socket;
	struct file *file;
	int error = socket_find(arguments[0], &file, &socket);
	if (!error)
		error = socket_name_read(&name, arguments[1], (uint32_t)arguments[2]);
	return error ? error : socket->operations->bind(file, &name);
}

SYSTEM_CALL(connect)
{
	struct socket_name name;
	struct socket *socket;
	struct file *file;
	int found = socket_find(arguments[0], &file, &socket);
	if (found == -EBADF)
		return found;
	int error = socket_name_read(&name, arguments[1], (uint32_t)arguments[2]);
	if (error || found)
		return error ? error : found;
	return socket->operations->connect(file, &name);
}

SYSTEM_CALL(listen)
{
	struct socket *socket;
	struct file *file;
	uint32_t backlog = (uint32_t)arguments[1];
	int error = socket_find(arguments[0], &file, &socket);
	if (error)
		return error;
	if (!socket->operations->listen)
		return -EOPNOTSUPP;
	return socket->operations->listen(file, backlog < BACKLOG_MAX ? backlog : BACKLOG_MAX);
}

SYSTEM_CALL(accept4)
{
	struct socket *socket;
	struct file *file;
	struct inode *accepted;
	int flags = (int)arguments[3];
	int error = socket_find(arguments[0], &file, &socket);
	if (error == -EBADF)
		return error;
	if (flags & ~(SOCK_CLOEXEC | SOCK_NONBLOCK))
		return -EINVAL;
	if (error)
		return error;
	if (!socket->operations->accept)
		return -EOPNOTSUPP;
	error = socket->operations->accept(file, &accepted);
	if (error)
		return error;
	int number = open_socket(accepted, flags);
	if (number < 0 || !arguments[1])
		return number;
	struct socket_name name = {0};
	error = socket->operations->name(descriptor_file((uint64_t)number), true, &name);
	if (!error)
		error = socket_name_write(&name, arguments[1], arguments[2]);
	if (error)
		descriptor_close((uint64_t)number);
	return error ? error : number;
}

SYSTEM_CALL(accept)
{
	const uint64_t without_flags[6] = {arguments[0], arguments[1], arguments[2]};
	return call_accept4(without_flags);
}

static int64_t tell_name(const uint64_t arguments[6], bool of_peer)
{
	struct socket_name name = {0};
	struct socket *socket;
	struct file *file;
	int error = socket_find(arguments[0], &file, &socket);
	if (!error)
		error = socket->operations->name(file, of_peer, &name);
	return error ? error : socket_name_write(&name, arguments[1], arguments[2]);
}

SYSTEM_CALL(getsockname)
{
	return tell_name(arguments, false);
}

SYSTEM_CALL(getpeername)
{
	return tell_name(arguments, true);
}

SYSTEM_CALL(shutdown)
{
	struct socket *socket;
	struct file *file;
	int error = socket_find(arguments[0], &file, &socket);
	if (error)
		return error;
	if ((uint32_t)arguments[1] > SHUT_RDWR)
		return -EINVAL;
	return socket->operations->shutdown(file, (uint32_t)arguments[1] + 1);
}

SYSTEM_CALL(getsockopt)
{
	struct socket *socket;
	struct file *file;
	int error = socket_find(arguments[0], &file, &socket);
	if (error)
		return error;
	if ((uint32_t)arguments[1] != SOL_SOCKET)
		return socket->operations->get_option
			   ? socket->operations->get_option(file, (uint32_t)arguments[1],
							    (uint32_t)arguments[2], arguments[3],
							    arguments[4])
			   : -EOPNOTSUPP;
	return socket_get_option(file, (uint32_t)arguments[2], arguments[3], arguments[4]);
}

SYSTEM_CALL(setsockopt)
{
	struct socket *socket;
	struct file *file;
	int error = socket_find(arguments[0], &file, &socket);
	if (!error && (int32_t)arguments[4] < 0)
		error = -EINVAL;
	if (error)
		return error;
	if ((uint32_t)arguments[1] != SOL_SOCKET)
		return socket->operations->set_option
			   ? socket->operations->set_option(file, (uint32_t)arguments[1],
							    (uint32_t)arguments[2], arguments[3],
							    (uint32_t)arguments[4])
			   : -EOPNOTSUPP;
	return socket_set_option(socket, (uint32_t)arguments[2], arguments[3],
				 (uint32_t)arguments[4]);
}
