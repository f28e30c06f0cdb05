/* Who has which port; see inet.h. */
#include <errno.h>
#include <netinet/in.h>

#include "inet.h"

/* Ports that nobody chooses: net.ipv4.ip_local_port_range. */
#define FREE_FIRST 32768
#define FREE_LAST  60999

static bool has_port(const struct inet_socket *socket, int type, uint16_t port)
{
	return socket && socket->own.port == port && socket->local.socket.type == type;
}

static bool takes_v4(const struct inet_socket *self)
{
	return inet_is_v4(&self->own) || (inet_is_any(&self->own) && !self->only_v6);
}

/* Something could be sent to either. */
static bool overlap(const struct inet_socket *one, const struct inet_socket *other)
{
	const bool both_v4 = takes_v4(one) && takes_v4(other);
	const bool both_v6 = !inet_is_v4(&one->own) && !inet_is_v4(&other->own);
	return (both_v4 || both_v6) && (inet_is_any(&one->own) || inet_is_any(&other->own) ||
					inet_same_host(&one->own, &other->own));
}

static bool share(const struct inet_socket *self, const struct inet_socket *other)
{
	const bool listens =
	    self->local.socket.type == SOCK_STREAM && other->local.state == UNIX_LISTENING;
	return (socket_reuses_address(&self->local.socket) &&
		socket_reuses_address(&other->local.socket) && !listens) ||
	       (socket_reuses_port(&self->local.socket) &&
		socket_reuses_port(&other->local.socket));
}

bool inet_is_taken(const struct inet_socket *self)
{
	for (struct unix_socket *next = unix_first_socket(); next; next = next->next) {
		const struct inet_socket *other = inet_of_base(next);
		if (other != self && has_port(other, self->local.socket.type, self->own.port) &&
		    overlap(self, other) && !share(self, other))
			return true;
	}
	return false;
}

static bool is_unused(int type, uint16_t port)
{
	for (struct unix_socket *next = unix_first_socket(); next; next = next->next)
		if (has_port(inet_of_base(next), type, port))
			return false;
	return true;
}

int inet_take_port(struct inet_socket *self)
{
	static uint16_t next = FREE_FIRST;
	if (self->own.port)
		return 0;
	for (uint32_t tries = FREE_FIRST; tries <= FREE_LAST; tries++) {
		const uint16_t port = next;
		next = next < FREE_LAST ? next + 1 : FREE_FIRST;
		if (!is_unused(self->local.socket.type, port))
			continue;
		self->own.port = port;
		return 0;
	}
	return -EADDRINUSE;
}

void inet_give_port_back(struct inet_socket *self)
{
	if (!self->keeps_port)
		self->own = inet_any(self->local.socket.family, 0);
}

/* bind(2) takes "any" of no family for IPv4's. */
static int read_own_name(const struct inet_socket *self, const struct socket_name *name,
			 struct inet_address *address)
{
	const int family = self->local.socket.family;
	struct socket_name meant = *name;
	if (family == AF_INET && name->length >= sizeof(struct sockaddr_in) &&
	    name->bytes.ss_family == AF_UNSPEC) {
		meant.bytes.ss_family = AF_INET;
		inet_read_name(family, &meant, address);
		return inet_is_any(address) ? 0 : -EAFNOSUPPORT;
	}
	return inet_read_name(family, name, address);
}

int inet_bind(struct file *file, const struct socket_name *name)
{
	struct inet_socket *self = inet_socket_of(file);
	struct inet_address address;
	int error = read_own_name(self, name, &address);
	if (error)
		return error;
	if (self->only_v6 && inet_is_v4(&address))
		return -EINVAL;
	if (!inet_is_any(&address) && !inet_is_local(&address))
		return -EADDRNOTAVAIL;
	if (self->own.port || self->local.state != UNIX_UNCONNECTED)
		return -EINVAL;
	const struct inet_address before = self->own;
	self->own = address;
	error = address.port ? 0 : inet_take_port(self);
	if (!error && inet_is_taken(self))
		error = -EADDRINUSE;
	if (error)
		self->own = before;
	else
		self->keeps_port = true;
	return error;
}

/* How well it fits; 0: it gets nothing of it. */
static int fits(const struct inet_socket *socket, const struct inet_address *to,
		const struct inet_address *from)
{
	const bool stream = socket->local.socket.type == SOCK_STREAM;
	const bool v4 = inet_is_v4(to);
	if (stream && socket->local.state != UNIX_LISTENING)
		return 0;
	if (v4 ? !takes_v4(socket) : inet_is_v4(&socket->own))
		return 0;
	if (!inet_is_any(&socket->own) && !inet_same_host(&socket->own, to))
		return 0;
	if (!stream && socket->other.port && !inet_same(&socket->other, from))
		return 0;
	return 1 + (v4 == inet_is_v4(&socket->own)) + 2 * !inet_is_any(&socket->own) +
	       4 * (socket->other.port != 0);
}

struct inet_socket *inet_find(int type, const struct inet_address *to,
			      const struct inet_address *from)
{
	struct inet_socket *found = NULL;
	int best = 0;
	for (struct unix_socket *next = unix_first_socket(); to->port && next; next = next->next) {
		struct inet_socket *socket = inet_of_base(next);
		const int score = has_port(socket, type, to->port) ? fits(socket, to, from) : 0;
		if (score <= best)
			continue;
		best = score;
		found = socket;
	}
	return found;
}

struct inet_address inet_source(const struct inet_socket *self, const struct inet_address *to)
{
	return inet_is_any(&self->own) ? inet_loopback(inet_is_v4(to), self->own.port) : self->own;
}
