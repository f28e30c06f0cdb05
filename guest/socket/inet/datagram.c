/* UDP; see inet.h. What finds no room, or nobody, is lost. */
#include <errno.h>
#include <netinet/in.h>

#include "inet.h"

#define DATAGRAM_MAX 65507 /* bytes */

void inet_tell_sender(const struct unix_socket *base, const struct unix_packet *packet,
		      struct socket_name *name)
{
	const struct inet_socket *from = (const struct inet_socket *)packet->from;
	const struct inet_socket *self = (const struct inet_socket *)base;
	struct inet_address address = from->own;
	if (base->socket.type != SOCK_DGRAM)
		return;
	if (inet_is_any(&address))
		address =
		    inet_loopback(inet_is_v4(&from->own) || inet_is_v4(&self->own), address.port);
	inet_write_name(base->socket.family, &address, name);
}

/* What the call's address says: sockets of IPv6 take IPv4's as well. */
static int read_receiver(const struct inet_socket *self, const struct socket_name *name,
			 struct inet_address *to)
{
	const sa_family_t said = name->bytes.ss_family;
	const bool v4 = said == AF_INET && !self->only_v6;
	const int family = v4 ? AF_INET : self->local.socket.family;
	return inet_read_name(family, name, to);
}

static int find_destination(const struct inet_socket *self, const struct socket_message *message,
			    struct inet_address *to)
{
	if (!message->name.length) {
		*to = self->other;
		return self->other.port ? 0 : -EDESTADDRREQ;
	}
	int error = read_receiver(self, &message->name, to);
	if (error == -EAFNOSUPPORT && self->local.socket.family == AF_INET6)
		error = -EINVAL;
	if (error)
		return error;
	return to->port ? inet_route(self, to) : -EINVAL;
}

int inet_datagram_connect(struct file *file, const struct socket_name *name)
{
	struct inet_socket *self = inet_socket_of(file);
	struct inet_address to;
	if (name->length < sizeof(name->bytes.ss_family))
		return -EINVAL;
	if (name->bytes.ss_family == AF_UNSPEC) {
		self->other = (struct inet_address){0};
		self->local.state = UNIX_UNCONNECTED;
		inet_give_port_back(self);
		return 0;
	}
	int error = read_receiver(self, name, &to);
	if (!error)
		error = inet_route(self, &to);
	if (!error)
		error = inet_take_port(self);
	if (error)
		return error;
	self->own = inet_source(self, &to);
	self->other = to;
	self->local.state = UNIX_CONNECTED;
	unix_signal(&self->local);
	return 0;
}

int inet_datagram_shutdown(struct file *file, uint32_t shut)
{
	struct inet_socket *self = inet_socket_of(file);
	self->local.socket.shut |= shut;
	unix_signal(&self->local);
	return self->local.state == UNIX_CONNECTED ? 0 : -ENOTCONN;
}

/* Hands the packet on, or drops it. */
static void deliver(struct inet_socket *self, struct inet_socket *receiver,
		    struct unix_packet *packet)
{
	if (receiver && !(receiver->local.socket.shut & SOCKET_SHUT_RECEIVE) &&
	    receiver->local.charged <= receiver->local.socket.settings.receive_size) {
		unix_packet_add(&receiver->local, packet);
		return;
	}
	unix_packet_free(packet);
	/* Only who is connected hears that nobody is there. */
	if (receiver || !self->other.port)
		return;
	self->local.socket.error = ECONNREFUSED;
	unix_signal(&self->local);
}

int64_t inet_datagram_send(struct file *file, struct socket_message *message)
{
	struct inet_socket *self = inet_socket_of(file);
	struct inet_address to;
	message->control_length = 0;
	int error = inet_take_port(self);
	if (!error && message->length > UINT16_MAX)
		error = -EMSGSIZE;
	if (!error && message->flags & MSG_OOB)
		error = -EOPNOTSUPP;
	if (!error)
		error = find_destination(self, message, &to);
	if (!error && message->length > DATAGRAM_MAX)
		error = -EMSGSIZE;
	if (!error)
		error = socket_take_error(&self->local.socket);
	if (!error && self->local.socket.shut & SOCKET_SHUT_SEND)
		error = -EPIPE;
	if (error)
		return error;
	const struct inet_address from = inet_source(self, &to);
	struct inet_socket *receiver = inet_find(SOCK_DGRAM, &to, &from);
	struct unix_packet *packet = unix_packet_create(
	    &self->local, receiver ? &receiver->local : &self->local, (uint32_t)message->length);
	if (!packet)
		return -ENOBUFS;
	error = socket_buffers_gather(&message->buffers, packet->bytes, message->length);
	if (error) {
		unix_packet_free(packet);
		return error;
	}
	deliver(self, receiver, packet);
	return (int64_t)message->length;
}

int64_t inet_datagram_receive(struct file *file, struct socket_message *message)
{
	message->flags &= ~(uint32_t)MSG_OOB;
	return message->flags & MSG_ERRQUEUE ? -EAGAIN : unix_datagram_receive(file, message);
}
