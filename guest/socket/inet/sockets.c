/* Sockets of the internet's families: what one is, and its readiness; see inet.h. */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>

#include "inet.h"

#define STREAM_SEND_SIZE    2626560 /* what Linux makes of a connection within a machine */
#define STREAM_RECEIVE_SIZE 131072

static uint32_t poll_stream(const struct inet_socket *self)
{
	const struct unix_socket *base = &self->local;
	const uint32_t shut = base->socket.shut;
	uint32_t ready = base->socket.error ? POLLERR : 0;
	if (base->look && !base->first && !base->waiting && !(shut & SOCKET_SHUT_RECEIVE))
		thread_current()->look = base->look;
	if (base->state == UNIX_LISTENING)
		return ready | (base->waiting ? POLLIN | POLLRDNORM : 0);
	if (shut == SOCKET_SHUT_BOTH || base->state == UNIX_UNCONNECTED || inet_is_over(self))
		ready |= POLLHUP;
	if (shut & SOCKET_SHUT_RECEIVE)
		ready |= POLLIN | POLLRDNORM | POLLRDHUP;
	if (base->first)
		ready |= POLLIN | POLLRDNORM;
	if (shut & SOCKET_SHUT_SEND ||
	    (uint64_t)base->charged * 3 <= (uint64_t)base->socket.settings.send_size * 2)
		ready |= POLLOUT | POLLWRNORM;
	return ready;
}

static uint32_t poll_datagram(const struct inet_socket *self)
{
	const struct unix_socket *base = &self->local;
	uint32_t ready = POLLOUT | POLLWRNORM | POLLWRBAND;
	if (base->socket.error)
		ready |= POLLERR;
	if (base->socket.shut == SOCKET_SHUT_BOTH)
		ready |= POLLHUP;
	if (base->socket.shut & SOCKET_SHUT_RECEIVE)
		ready |= POLLIN | POLLRDNORM | POLLRDHUP;
	if (base->first)
		ready |= POLLIN | POLLRDNORM;
	return ready;
}

static uint32_t inet_poll(struct file *file)
{
	const struct inet_socket *self = inet_socket_of(file);
	return self->local.socket.type == SOCK_STREAM ? poll_stream(self) : poll_datagram(self);
}

static int inet_name(struct file *file, bool of_peer, struct socket_name *name)
{
	const struct inet_socket *self = inet_socket_of(file);
	const bool over = self->finished && self->local.socket.shut & SOCKET_SHUT_SEND;
	if (of_peer && (!self->other.port || over))
		return -ENOTCONN;
	inet_write_name(self->local.socket.family, of_peer ? &self->other : &self->own, name);
	return 0;
}

static const struct socket_operations stream_operations = {
    .bind = inet_bind,
    .connect = inet_stream_connect,
    .listen = inet_listen,
    .accept = unix_accept,
    .opened = unix_opened,
    .name = inet_name,
    .shutdown = inet_stream_shutdown,
    .send = inet_stream_send,
    .receive = inet_stream_receive,
    .listens = unix_listens,
    .get_option = inet_get_option,
    .set_option = inet_set_option,
};

static const struct socket_operations datagram_operations = {
    .bind = inet_bind,
    .connect = inet_datagram_connect,
    .opened = unix_opened,
    .name = inet_name,
    .shutdown = inet_datagram_shutdown,
    .send = inet_datagram_send,
    .receive = inet_datagram_receive,
    .get_option = inet_get_option,
    .set_option = inet_set_option,
};

static const struct file_operations inet_operations = {
    .read = socket_read,
    .write = socket_write,
    .read_vector = socket_read_vector,
    .write_vector = socket_write_vector,
    .open = file_refuse_open,
    .release = unix_release,
    .poll = inet_poll,
    .available = unix_available,
};

static const struct unix_family inet_family = {
    .operations = &inet_operations,
    .size = sizeof(struct inet_socket),
    .tells_reset = true,
    .discards = true,
    .tell_sender = inet_tell_sender,
    .tell_end = inet_tell_end,
};

struct inet_socket *inet_socket_of(const struct file *file)
{
	return file->operations == &inet_operations ? file->inode->private : NULL;
}

struct inet_socket *inet_of_base(struct unix_socket *base)
{
	return base->family == &inet_family ? (struct inet_socket *)base : NULL;
}

/* Raw sockets would need a right that nobody has in a guest. */
static int check_protocol(int type, int protocol)
{
	if (protocol < 0 || protocol >= IPPROTO_MAX)
		return -EINVAL;
	if (type == SOCK_RAW)
		return protocol ? -EPERM : -EPROTONOSUPPORT;
	if (type != SOCK_STREAM && type != SOCK_DGRAM)
		return -ESOCKTNOSUPPORT;
	const int own = type == SOCK_STREAM ? IPPROTO_TCP : IPPROTO_UDP;
	return !protocol || protocol == own ? 0 : -EPROTONOSUPPORT;
}

int inet_create(int family, int type, int protocol, struct inode **created)
{
	const bool stream = type == SOCK_STREAM;
	int error = check_protocol(type, protocol);
	if (!error)
		error =
		    unix_create_of(&inet_family, stream ? &stream_operations : &datagram_operations,
				   family, type, created);
	if (error)
		return error;
	struct inet_socket *self = (*created)->private;
	struct socket *socket = &self->local.socket;
	socket->protocol = stream ? IPPROTO_TCP : IPPROTO_UDP;
	self->own = inet_any(family, 0);
	if (stream) {
		socket->settings.send_size = STREAM_SEND_SIZE;
		socket->settings.receive_size = STREAM_RECEIVE_SIZE;
	}
	inet_options_init(self);
	return 0;
}
