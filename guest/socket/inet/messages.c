/* What TCP has besides what other streams do; see inet.h. */
#include <errno.h>
#include <signal.h>

#include "guest/signal/signals.h"
#include "inet.h"

int64_t inet_stream_send(struct file *file, struct socket_message *message)
{
	struct inet_socket *self = inet_socket_of(file);
	struct unix_socket *base = &self->local;
	message->name.length = 0;
	message->control_length = 0;
	if (message->flags & MSG_OOB)
		return -EOPNOTSUPP;
	if (base->state != UNIX_CONNECTED) {
		int error = socket_take_error(&base->socket);
		if (!error && !(message->flags & MSG_NOSIGNAL))
			signal_raise(SIGPIPE);
		return error ? error : -EPIPE;
	}
	/* It only turns out by sending that nobody reads any more. */
	if (base->peer->closed && !(base->socket.shut & SOCKET_SHUT_SEND) && message->length) {
		base->socket.error = EPIPE;
		base->socket.shut = SOCKET_SHUT_BOTH;
		self->reset = true;
		unix_signal(base);
		return (int64_t)message->length;
	}
	return unix_stream_send(file, message);
}

int64_t inet_stream_receive(struct file *file, struct socket_message *message)
{
	struct inet_socket *self = inet_socket_of(file);
	struct unix_socket *base = &self->local;
	message->name.length = 0;
	if (message->flags & MSG_ERRQUEUE)
		return -EAGAIN;
	if (message->flags & MSG_OOB)
		return -EINVAL;
	if (base->state != UNIX_CONNECTED) {
		int error = socket_take_error(&base->socket);
		return error ? error : base->socket.shut & SOCKET_SHUT_RECEIVE ? 0 : -ENOTCONN;
	}
	/* An end stays one, whatever becomes of what is sent afterwards. */
	if (!base->first && self->finished)
		return 0;
	return unix_stream_receive(file, message);
}
