/* Connections of Unix sockets: a connect() makes the other end at once, which waits with the socket
 * that listens until somebody accepts it. */
#include <errno.h>
#include <fcntl.h>

#include "guest/lib/text.h"
#include "guest/machine/clock.h"
#include "unix.h"

/* Until the socket with that name has room for another connection. */
static int find_listener(struct file *file, const struct socket_name *name,
			 struct unix_socket **found)
{
	const struct unix_socket *self = unix_socket_of(file);
	const uint64_t deadline_ns = socket_deadline(self->socket.settings.send_timeout_ns);
	for (;;) {
		int error = unix_find_named(name, self->socket.type, found);
		if (error)
			return error;
		const struct unix_socket *listener = *found;
		if (listener->state != UNIX_LISTENING ||
		    listener->socket.shut & SOCKET_SHUT_RECEIVE)
			return -ECONNREFUSED;
		if (listener->waiting_count <= listener->backlog)
			return 0;
		if (file->flags & O_NONBLOCK)
			return -EAGAIN;
		error = (int)file_wait_until(file, deadline_ns, "a server that accepts", NULL);
		if (error)
			return error;
	}
}

static void add_waiting(struct unix_socket *listener, struct unix_socket *fresh)
{
	struct unix_socket **end = &listener->waiting;
	while (*end)
		end = &(*end)->next_waiting;
	*end = fresh;
	listener->waiting_count++;
	unix_signal(listener);
}

int unix_connect_to(struct unix_socket *self, struct unix_socket *listener,
		    struct unix_socket **other)
{
	struct inode *inode;
	int error = unix_create_of(listener->family, listener->socket.operations,
				   listener->socket.family, listener->socket.type, &inode);
	if (error)
		return error;
	struct unix_socket *fresh = inode->private;
	fresh->state = self->state = UNIX_CONNECTED;
	unix_set_peer(fresh, self);
	unix_set_peer(self, fresh);
	fresh->peer_credentials = unix_own_credentials();
	self->peer_credentials = listener->peer_credentials;
	add_waiting(listener, fresh);
	unix_signal(self);
	*other = fresh;
	return 0;
}

static int connect_stream(struct file *file, const struct socket_name *name)
{
	struct unix_socket *self = unix_socket_of(file), *listener, *fresh;
	int error = unix_check_name(name);
	if (!error)
		error = find_listener(file, name, &listener);
	if (error)
		return error;
	/* Others ran meanwhile. */
	if (self->state != UNIX_UNCONNECTED)
		return self->state == UNIX_CONNECTED ? -EISCONN : -EINVAL;
	error = unix_connect_to(self, listener, &fresh);
	if (error)
		return error;
	memcpy(fresh->path, listener->path, sizeof(fresh->path));
	fresh->path_length = listener->path_length;
	return 0;
}

/* To whom datagrams go from now on. */
static int connect_datagram(struct unix_socket *self, const struct socket_name *name)
{
	struct unix_socket *other = NULL;
	if (name->length < sizeof(name->bytes.ss_family))
		return -EINVAL;
	if (name->bytes.ss_family != AF_UNSPEC) {
		int error = unix_find_named(name, self->socket.type, &other);
		if (error)
			return error;
		if (other->peer && other->peer != self)
			return -EPERM;
	}
	unix_datagram_set_peer(self, other);
	return 0;
}

int unix_connect(struct file *file, const struct socket_name *name)
{
	struct unix_socket *self = unix_socket_of(file);
	return self->socket.type == SOCK_DGRAM ? connect_datagram(self, name)
					       : connect_stream(file, name);
}

int unix_listen(struct file *file, uint32_t backlog)
{
	struct unix_socket *self = unix_socket_of(file);
	if (!self->path_length || self->state == UNIX_CONNECTED)
		return -EINVAL;
	self->state = UNIX_LISTENING;
	self->backlog = backlog;
	self->peer_credentials = unix_own_credentials();
	unix_signal(self);
	return 0;
}

int unix_accept(struct file *file, struct inode **accepted)
{
	struct unix_socket *self = unix_base_of(file);
	const uint64_t deadline_ns = socket_deadline(self->socket.settings.receive_timeout_ns);
	if (self->state != UNIX_LISTENING)
		return -EINVAL;
	while (!self->waiting) {
		if (self->state != UNIX_LISTENING || self->socket.shut & SOCKET_SHUT_RECEIVE)
			return -EINVAL;
		if (file->flags & O_NONBLOCK)
			return -EAGAIN;
		int error = (int)file_wait_until(file, deadline_ns, "a connection", self->look);
		if (error)
			return error;
	}
	struct unix_socket *fresh = self->waiting;
	self->waiting = fresh->next_waiting;
	self->waiting_count--;
	fresh->next_waiting = NULL;
	socket_inherit(&fresh->socket, &self->socket);
	unix_signal(self);
	*accepted = fresh->inode;
	return 0;
}
