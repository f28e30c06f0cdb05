/* Streams, of all families: bytes, in the order in which they were sent. */
#include <errno.h>
#include <signal.h>

#include "guest/machine/clock.h"
#include "guest/signal/signals.h"
#include "unix.h"

#define PART_MAX (32U << 10) /* bytes in one packet */

static int refuse_send(const struct unix_socket *self, const struct socket_message *message)
{
	if (message->flags & MSG_OOB)
		return -EOPNOTSUPP;
	if (message->name.length)
		return self->state == UNIX_CONNECTED ? -EISCONN : -EOPNOTSUPP;
	return self->peer ? 0 : -ENOTCONN;
}

/* Nobody can read it. */
static int refuse_broken(struct unix_socket *self, const struct socket_message *message,
			 uint64_t sent)
{
	int error = self->family->tells_reset && !sent ? socket_take_error(&self->socket) : 0;
	if (error && error != -EPIPE)
		return error;
	if (!sent && !(message->flags & MSG_NOSIGNAL))
		signal_raise(SIGPIPE);
	return -EPIPE;
}

/* Until there is room. 0 or a negative errno. */
static int wait_for_room(struct file *file, const struct socket_message *message,
			 uint64_t deadline_ns, uint64_t sent)
{
	struct unix_socket *self = unix_base_of(file);
	for (;;) {
		if (self->socket.shut & SOCKET_SHUT_SEND || self->peer->closed)
			return refuse_broken(self, message, sent);
		if (unix_has_room(self))
			return 0;
		if (!socket_call_waits(file, message))
			return -EAGAIN;
		int64_t error = file_wait_until(file, deadline_ns, "room in a socket", NULL);
		if (error)
			return (int)error;
	}
}

/* Sends the next part; how many bytes those are. */
static int64_t send_part(struct unix_socket *self, struct socket_message *message, uint64_t left,
			 const struct unix_sender *sender, struct unix_rights *rights)
{
	uint64_t length = self->socket.settings.send_size / 2;
	length = length < PART_MAX ? length : PART_MAX;
	length = length < left ? length : left;
	struct unix_packet *packet = unix_packet_create(self, self, (uint32_t)length);
	if (!packet)
		return -ENOMEM;
	int error = socket_buffers_gather(&message->buffers, packet->bytes, length);
	if (!error)
		error = unix_packet_attach(packet, self->peer, sender, rights);
	if (error) {
		unix_packet_free(packet);
		return error;
	}
	unix_packet_add(self->peer, packet);
	return (int64_t)length;
}

int64_t unix_stream_send(struct file *file, struct socket_message *message)
{
	struct unix_socket *self = unix_base_of(file);
	const uint64_t deadline_ns = socket_deadline(self->socket.settings.send_timeout_ns);
	struct unix_rights rights = {0};
	struct unix_sender sender = {0};
	uint64_t sent = 0;
	int64_t result = unix_read_control(message, &rights, &sender);
	if (!result)
		result = refuse_send(self, message);
	if (!result && self->socket.shut & SOCKET_SHUT_SEND)
		result = refuse_broken(self, message, 0);
	while (result >= 0 && sent < message->length) {
		result = wait_for_room(file, message, deadline_ns, sent);
		if (!result)
			result = send_part(self, message, message->length - sent, &sender, &rights);
		if (result > 0)
			sent += (uint64_t)result;
	}
	unix_rights_drop(&rights);
	return sent ? (int64_t)sent : result;
}

/* ── receiving ───────────────────────────────────────────────────────────────────────────────── */

/* What a call has received so far. */
struct received {
	uint64_t bytes;
	uint64_t skipped; /* of the queue, by MSG_PEEK */
	bool any;
	struct unix_sender sender;
	struct unix_rights rights;
};

static bool same_sender(const struct unix_sender *one, const struct unix_sender *other)
{
	return one->is_known == other->is_known && one->credentials.pid == other->credentials.pid &&
	       one->credentials.uid == other->credentials.uid &&
	       one->credentials.gid == other->credentials.gid;
}

/* The packet that is next, and from where on. */
static struct unix_packet *find_packet(const struct unix_socket *self, uint64_t skipped,
				       uint32_t *offset)
{
	struct unix_packet *packet = self->first;
	while (packet && skipped >= packet->length - packet->taken) {
		skipped -= packet->length - packet->taken;
		packet = packet->next;
	}
	*offset = packet ? packet->taken + (uint32_t)skipped : 0;
	return packet;
}

/* Takes bytes of a packet, and the files that came with them. *ends: what is behind it must wait
 * for another call. */
static int take_from(struct unix_socket *self, struct socket_message *message,
		     struct unix_packet *packet, uint32_t offset, struct received *received,
		     bool *ends)
{
	const bool peeks = message->flags & MSG_PEEK;
	uint64_t length = packet->length - offset, wanted = message->length - received->bytes;
	length = length < wanted ? length : wanted;
	*ends = packet->rights.count || length < packet->length - offset;
	const bool discards = self->family->discards && message->flags & MSG_TRUNC;
	int error = 0;
	if (!discards)
		error = socket_buffers_scatter(&message->buffers, packet->bytes + offset, length);
	if (!error && peeks && packet->rights.count)
		error = unix_rights_copy(&received->rights, &packet->rights);
	if (error)
		return error;
	received->bytes += length;
	if (peeks) {
		received->skipped += length;
		return 0;
	}
	if (packet->rights.count) {
		unix_rights_arrive(&packet->rights);
		received->rights = packet->rights;
		packet->rights = (struct unix_rights){0};
	}
	packet->taken += (uint32_t)length;
	if (packet->taken == packet->length)
		unix_packet_free(unix_packet_take(self));
	return 0;
}

/* There is nothing to receive: 0: wait; else what ends the call, 1 for the end of the stream. */
static int64_t find_end(struct file *file, const struct socket_message *message)
{
	struct unix_socket *self = unix_base_of(file);
	int error = socket_take_error(&self->socket);
	if (error)
		return error;
	if (self->socket.shut & SOCKET_SHUT_RECEIVE)
		return 1;
	return socket_call_waits(file, message) ? 0 : -EAGAIN;
}

static int64_t receive_all(struct file *file, struct socket_message *message,
			   struct received *received)
{
	struct unix_socket *self = unix_base_of(file);
	const uint64_t deadline_ns = socket_deadline(self->socket.settings.receive_timeout_ns);
	uint64_t least = self->socket.settings.least;
	if (message->flags & MSG_WAITALL || least > message->length)
		least = message->length;
	if (!least)
		least = 1;
	for (;;) {
		uint32_t offset;
		bool ends;
		struct unix_packet *packet = find_packet(self, received->skipped, &offset);
		if (!packet) {
			int64_t end = received->bytes >= least ? 1 : find_end(file, message);
			if (!end)
				end = file_wait_until(file, deadline_ns, "data in a socket",
						      self->look);
			if (end)
				return end;
			continue;
		}
		/* Bytes of several senders are not mixed, where it matters who sent them. */
		if (received->any && socket_passes_credentials(&self->socket) &&
		    !same_sender(&received->sender, &packet->sender))
			return 1;
		if (!received->any)
			received->sender = packet->sender;
		if (!received->any)
			self->family->tell_sender(self, packet, &message->name);
		received->any = true;
		int error = take_from(self, message, packet, offset, received, &ends);
		if (error || ends || received->bytes == message->length)
			return error;
	}
}

int64_t unix_stream_receive(struct file *file, struct socket_message *message)
{
	struct received received = {0};
	const struct unix_socket *self = unix_base_of(file);
	if (self->state != UNIX_CONNECTED)
		return -EINVAL;
	if (message->flags & MSG_OOB)
		return -EOPNOTSUPP;
	message->name.length = 0;
	int64_t end = receive_all(file, message, &received);
	if (end < 0 && !received.bytes) {
		unix_rights_drop(&received.rights);
		return end;
	}
	unix_write_control(self, message, &received.rights, &received.sender);
	return (int64_t)received.bytes;
}
