/* Datagrams and sequenced packets: what one call sends, one call receives. Those of all families
 * are received here. */
#include <errno.h>

#include "guest/machine/clock.h"
#include "unix.h"

#define DATAGRAMS_MAX                                                                              \
	10	    /* in a queue, besides the one that goes over it; net.unix.max_dgram_qlen */
#define OVERHEAD 32 /* of a message in its sender's buffer */

/* Two that send to each other only are bound by what their senders are charged. */
bool unix_is_full(const struct unix_socket *self, const struct unix_socket *receiver)
{
	return receiver->peer != self && receiver->packets > DATAGRAMS_MAX;
}

void unix_datagram_set_peer(struct unix_socket *self, struct unix_socket *other)
{
	struct unix_socket *before = self->peer;
	if (before && before != other && self->first) {
		unix_drop_packets(self);
		if (!before->closed && before->peer == self) {
			before->socket.error = ECONNRESET;
			unix_signal(before);
		}
	}
	unix_set_peer(self, other);
	self->state = other ? UNIX_CONNECTED : UNIX_UNCONNECTED;
	unix_signal(self);
}

/* To whom a message goes. */
static int find_receiver(struct unix_socket *self, const struct socket_message *message,
			 struct unix_socket **receiver)
{
	const bool sequenced = self->socket.type == SOCK_SEQPACKET;
	int error;
	if (sequenced) {
		*receiver = self->peer;
		return self->state == UNIX_CONNECTED ? 0 : -ENOTCONN;
	}
	if (message->name.length) {
		error = unix_find_named(&message->name, self->socket.type, receiver);
		if (error)
			return error;
	} else {
		*receiver = self->peer;
		if (!self->peer)
			return -ENOTCONN;
	}
	if ((*receiver)->closed) {
		if (*receiver == self->peer)
			unix_datagram_set_peer(self, NULL);
		return -ECONNREFUSED;
	}
	return (*receiver)->peer && (*receiver)->peer != self ? -EPERM : 0;
}

/* Waits until there is room here and there. *receiver: to whom the message goes then. */
static int64_t wait_for_room(struct file *file, const struct socket_message *message,
			     struct unix_socket **receiver)
{
	struct unix_socket *self = unix_socket_of(file);
	const uint64_t deadline_ns = socket_deadline(self->socket.settings.send_timeout_ns);
	for (;;) {
		int error = socket_take_error(&self->socket);
		if (!error && self->socket.shut & SOCKET_SHUT_SEND)
			error = -EPIPE;
		if (!error)
			error = find_receiver(self, message, receiver);
		if (error)
			return error;
		if ((*receiver)->closed || (*receiver)->socket.shut & SOCKET_SHUT_RECEIVE)
			return -EPIPE;
		if (unix_has_room(self) && !unix_is_full(self, *receiver))
			return 0;
		if (!socket_call_waits(file, message))
			return -EAGAIN;
		int64_t waited = file_wait_until(file, deadline_ns, "room in a socket", NULL);
		if (waited)
			return waited;
	}
}

static int64_t send_one(struct file *file, struct socket_message *message,
			const struct unix_sender *sender, struct unix_rights *rights)
{
	struct unix_socket *self = unix_socket_of(file), *receiver;
	if (message->length > self->socket.settings.send_size - OVERHEAD)
		return -EMSGSIZE;
	int64_t error = wait_for_room(file, message, &receiver);
	if (error)
		return error;
	struct unix_packet *packet = unix_packet_create(self, self, (uint32_t)message->length);
	if (!packet)
		return -ENOMEM;
	error = socket_buffers_gather(&message->buffers, packet->bytes, message->length);
	if (!error)
		error = unix_packet_attach(packet, receiver, sender, rights);
	if (error) {
		unix_packet_free(packet);
		return error;
	}
	unix_packet_add(receiver, packet);
	return (int64_t)message->length;
}

int64_t unix_datagram_send(struct file *file, struct socket_message *message)
{
	struct unix_rights rights = {0};
	struct unix_sender sender = {0};
	int64_t result = unix_read_control(message, &rights, &sender);
	if (!result && message->flags & MSG_OOB)
		result = -EOPNOTSUPP;
	if (!result)
		result = send_one(file, message, &sender, &rights);
	unix_rights_drop(&rights);
	return result;
}

/* ── receiving ───────────────────────────────────────────────────────────────────────────────── */

/* 0: there is a packet. 1: there will be none. */
static int64_t wait_for_packet(struct file *file, const struct socket_message *message)
{
	struct unix_socket *self = unix_base_of(file);
	const uint64_t deadline_ns = socket_deadline(self->socket.settings.receive_timeout_ns);
	const bool sequenced = self->socket.type == SOCK_SEQPACKET;
	for (;;) {
		int error = socket_take_error(&self->socket);
		if (error)
			return error;
		if (self->first)
			return 0;
		const bool waits = socket_call_waits(file, message);
		if (self->socket.shut & SOCKET_SHUT_RECEIVE && (waits || sequenced))
			return 1;
		if (!waits)
			return -EAGAIN;
		int64_t waited = file_wait_until(file, deadline_ns, "data in a socket", NULL);
		if (waited)
			return waited;
	}
}

int64_t unix_datagram_receive(struct file *file, struct socket_message *message)
{
	struct unix_socket *self = unix_base_of(file);
	struct unix_rights rights = {0};
	message->name.length = 0;
	if (self->socket.type == SOCK_SEQPACKET && self->state != UNIX_CONNECTED)
		return -ENOTCONN;
	if (message->flags & MSG_OOB)
		return -EOPNOTSUPP;
	int64_t error = wait_for_packet(file, message);
	if (error)
		return error < 0 ? error : 0;
	struct unix_packet *packet = self->first;
	const bool peeks = message->flags & MSG_PEEK;
	const uint64_t whole = packet->length;
	const uint64_t length = whole < message->length ? whole : message->length;
	if (length < whole)
		message->told |= MSG_TRUNC;
	self->family->tell_sender(self, packet, &message->name);
	const struct unix_sender sender = packet->sender;
	error = socket_buffers_scatter(&message->buffers, packet->bytes, length);
	if (!error && peeks)
		error = unix_rights_copy(&rights, &packet->rights);
	if (!peeks) {
		rights = packet->rights;
		unix_rights_arrive(&rights);
		packet->rights = (struct unix_rights){0};
		unix_packet_free(unix_packet_take(self));
	}
	if (error) {
		unix_rights_drop(&rights);
		return error;
	}
	unix_write_control(self, message, &rights, &sender);
	return (int64_t)(message->flags & MSG_TRUNC ? whole : length);
}
