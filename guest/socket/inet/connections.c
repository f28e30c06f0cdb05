/* How TCP connections begin and end; see inet.h. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>

#include "guest/lib/text.h"
#include "guest/machine/clock.h"
#include "guest/machine/machine.h"
#include "inet.h"

#define WAITING_MAX 4096 /* connections of one that listens, also of those that do not wait */

bool inet_is_over(const struct inet_socket *self)
{
	return self->reset || (self->finished && self->local.socket.shut & SOCKET_SHUT_SEND);
}

/* The connection is broken off: what the other end hears of it. */
static void reset(struct inet_socket *self)
{
	self->local.socket.error = self->finished ? EPIPE : ECONNRESET;
	self->local.socket.shut = SOCKET_SHUT_BOTH;
	self->reset = true;
	unix_signal(&self->local);
}

void inet_tell_end(struct unix_socket *base, struct unix_socket *peer, bool unread)
{
	const struct linger *linger = &base->socket.settings.linger;
	struct inet_socket *other = inet_of_base(peer);
	/* It may have ended this connection, and have another one. */
	if (base->state != UNIX_CONNECTED || peer->peer != base || peer->closed)
		return;
	if (unread || (linger->l_onoff && !linger->l_linger)) {
		reset(other);
		return;
	}
	peer->socket.shut |= SOCKET_SHUT_RECEIVE;
	other->finished = true;
}

/* connect() to nobody (AF_UNSPEC) ends a connection. */
static int disconnect(struct inet_socket *self)
{
	struct unix_socket *base = &self->local, *peer = base->peer;
	if (base->state == UNIX_LISTENING)
		unix_drop_waiting(base);
	if (base->state == UNIX_CONNECTED && peer && !peer->closed && peer->peer == base)
		reset(inet_of_base(peer));
	base->state = UNIX_UNCONNECTED;
	base->socket.error = 0;
	base->socket.shut = 0;
	self->other = (struct inet_address){0};
	self->pending = self->finished = self->reset = false;
	inet_give_port_back(self);
	unix_drop_packets(base);
	unix_signal(base);
	return 0;
}

/* What became of a connect() that did not wait: 0, or its error. */
static int collect(struct inet_socket *self)
{
	self->pending = false;
	if (self->local.state == UNIX_CONNECTED)
		return 0;
	self->local.socket.shut = 0;
	int error = socket_take_error(&self->local.socket);
	return error ? error : -ECONNABORTED;
}

static int refuse(struct file *file, struct inet_socket *self)
{
	inet_give_port_back(self);
	if (!(file->flags & O_NONBLOCK))
		return -ECONNREFUSED;
	self->local.socket.error = ECONNREFUSED;
	self->local.socket.shut = SOCKET_SHUT_BOTH;
	self->pending = true;
	unix_signal(&self->local);
	return -EINPROGRESS;
}

/* Who listens there, and has room for another connection. Who does not wait is not held back by
 * one that is slow. */
static int find_listener(struct file *file, const struct inet_address *to,
			 struct inet_socket **found)
{
	const struct inet_socket *self = inet_socket_of(file);
	const struct inet_address from = inet_source(self, to);
	const uint64_t deadline_ns = socket_deadline(self->local.socket.settings.send_timeout_ns);
	const bool waits = !(file->flags & O_NONBLOCK);
	for (;;) {
		*found = inet_find(SOCK_STREAM, to, &from);
		if (!*found)
			return -ECONNREFUSED;
		const struct unix_socket *listener = &(*found)->local;
		const uint32_t most = waits ? listener->backlog : WAITING_MAX;
		if (listener->waiting_count <= most)
			return 0;
		if (!waits)
			return -ECONNREFUSED;
		int error = (int)file_wait_until(file, deadline_ns, "a server that accepts", NULL);
		if (error)
			return error == -EAGAIN ? -EINPROGRESS : error;
		if (self->local.state != UNIX_UNCONNECTED)
			return -EISCONN;
	}
}

int inet_connect_to(struct inet_socket *self, struct inet_socket *listener,
		    const struct inet_address *to)
{
	struct unix_socket *base;
	int error = unix_connect_to(&self->local, &listener->local, &base);
	if (error)
		return error;
	struct inet_socket *fresh = inet_of_base(base);
	self->own = inet_source(self, to);
	self->other = *to;
	self->reset = self->finished = false;
	self->local.socket.shut = 0;
	fresh->own = *to;
	fresh->other = self->own;
	fresh->only_v6 = listener->only_v6;
	fresh->local.socket.protocol = listener->local.socket.protocol;
	fresh->local.socket.settings = listener->local.socket.settings;
	memcpy(fresh->options, listener->options, sizeof(fresh->options));
	return 0;
}

int inet_stream_connect(struct file *file, const struct socket_name *name)
{
	struct inet_socket *self = inet_socket_of(file), *listener;
	struct inet_address to;
	if (name->length < sizeof(name->bytes.ss_family))
		return -EINVAL;
	if (name->bytes.ss_family == AF_UNSPEC)
		return disconnect(self);
	if (self->pending)
		return collect(self);
	if (self->local.state != UNIX_UNCONNECTED)
		return -EISCONN;
	int error = inet_read_name(self->local.socket.family, name, &to);
	if (!error)
		error = inet_route(self, &to);
	if (!error)
		error = inet_take_port(self);
	if (error)
		return error;
	error = find_listener(file, &to, &listener);
	if (error == -ECONNREFUSED)
		return refuse(file, self);
	if (!error)
		error = inet_connect_to(self, listener, &to);
	if (error)
		return error;
	self->pending = file->flags & O_NONBLOCK;
	return self->pending ? -EINPROGRESS : 0;
}

/* Says once in the log that who serves others waits in vain. */
static void tell_of_network(void)
{
	static bool told;
	if (!told)
		machine_tell("listen: " GUEST_HAS_NO_NETWORK ": only its own threads can connect");
	told = true;
}

int inet_listen(struct file *file, uint32_t backlog)
{
	struct inet_socket *self = inet_socket_of(file);
	struct unix_socket *base = &self->local;
	if (base->state == UNIX_CONNECTED || self->pending)
		return -EINVAL;
	int error = inet_take_port(self);
	if (error)
		return error;
	if (base->state != UNIX_LISTENING && inet_is_taken(self))
		return -EADDRINUSE;
	base->look = inet_outside_look(self->own.port);
	if (!base->look)
		tell_of_network();
	base->state = UNIX_LISTENING;
	base->backlog = backlog;
	unix_signal(base);
	return 0;
}

/* Nobody can connect any more; those who wait for a connection hear of it. */
static void stop_listening(struct inet_socket *self)
{
	self->local.state = UNIX_UNCONNECTED;
	unix_drop_waiting(&self->local);
	inet_give_port_back(self);
	unix_signal(&self->local);
}

int inet_stream_shutdown(struct file *file, uint32_t shut)
{
	struct inet_socket *self = inet_socket_of(file);
	struct unix_socket *base = &self->local, *peer = base->peer;
	if (base->state == UNIX_LISTENING) {
		if (shut & SOCKET_SHUT_RECEIVE)
			stop_listening(self);
		return 0;
	}
	if (base->state != UNIX_CONNECTED || inet_is_over(self))
		return -ENOTCONN;
	base->socket.shut |= shut;
	unix_signal(base);
	if (shut & SOCKET_SHUT_SEND && !peer->closed && peer->peer == base) {
		peer->socket.shut |= SOCKET_SHUT_RECEIVE;
		inet_of_base(peer)->finished = true;
		unix_signal(peer);
	}
	return 0;
}
