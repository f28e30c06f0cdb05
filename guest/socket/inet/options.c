/* Options of TCP, IP and IPv6. Nothing here has a network to act on: what a program sets is kept and
 * told, within Linux' bounds. */
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>

#include "guest/mm/user_memory.h"
#include "inet.h"
#include "sizes/sizes.h"

#define STATE_ESTABLISHED 1 /* of tcp_info */
#define STATE_CLOSE	  7
#define STATE_CLOSE_WAIT  8
#define STATE_LISTEN	  10
#define IPV6_UNICAST_TTL  64

enum { EVERY, STREAM, DATAGRAM }; /* of which type a socket with that option is */

static const struct option {
	int level, name, of_type;
	bool is_switch;
	int initial, least, most;
} options[] = {
    {SOL_TCP, TCP_NODELAY, STREAM, true, 0, 0, 0},
    {SOL_TCP, TCP_CORK, STREAM, true, 0, 0, 0},
    {SOL_TCP, TCP_QUICKACK, STREAM, true, 1, 0, 0},
    {SOL_TCP, TCP_FASTOPEN_CONNECT, STREAM, true, 0, 0, 0},
    {SOL_TCP, TCP_MAXSEG, STREAM, false, 536, 88, 32767},
    {SOL_TCP, TCP_KEEPIDLE, STREAM, false, 7200, 1, 32767},
    {SOL_TCP, TCP_KEEPINTVL, STREAM, false, 75, 1, 32767},
    {SOL_TCP, TCP_KEEPCNT, STREAM, false, 9, 1, 127},
    {SOL_TCP, TCP_SYNCNT, STREAM, false, 6, 1, 127},
    {SOL_TCP, TCP_LINGER2, STREAM, false, 60, INT_MIN, INT_MAX},
    {SOL_TCP, TCP_DEFER_ACCEPT, STREAM, false, 0, INT_MIN, INT_MAX},
    {SOL_TCP, TCP_USER_TIMEOUT, STREAM, false, 0, 0, INT_MAX},
    {SOL_TCP, TCP_FASTOPEN, STREAM, false, 0, 0, INT_MAX},
    {SOL_TCP, TCP_NOTSENT_LOWAT, STREAM, false, 0, INT_MIN, INT_MAX},
    {SOL_IP, IP_TOS, EVERY, false, 0, 0, 255},
    {SOL_IP, IP_TTL, EVERY, false, 64, 1, 255},
    {SOL_IP, IP_MTU_DISCOVER, EVERY, false, 1, 0, 5},
    {SOL_IP, IP_RECVERR, EVERY, true, 0, 0, 0},
    {SOL_IP, IP_FREEBIND, EVERY, true, 0, 0, 0},
    {SOL_IP, IP_BIND_ADDRESS_NO_PORT, EVERY, true, 0, 0, 0},
    {SOL_IP, IP_MULTICAST_TTL, DATAGRAM, false, 1, 0, 255},
    {SOL_IP, IP_MULTICAST_LOOP, EVERY, true, 1, 0, 0},
    {SOL_IPV6, IPV6_V6ONLY, EVERY, true, 0, 0, 0},
    {SOL_IPV6, IPV6_UNICAST_HOPS, EVERY, false, IPV6_UNICAST_TTL, -1, 255},
    {SOL_IPV6, IPV6_TCLASS, EVERY, false, 0, -1, 255},
    {SOL_IPV6, IPV6_MTU_DISCOVER, EVERY, false, 1, 0, 5},
    {SOL_IPV6, IPV6_RECVERR, EVERY, true, 0, 0, 0},
    {SOL_IPV6, IPV6_MULTICAST_HOPS, DATAGRAM, false, 1, -1, 255},
    {SOL_IPV6, IPV6_MULTICAST_LOOP, EVERY, false, 1, 0, 1},
};

_Static_assert(ARRAY_SIZE(options) <= INET_OPTIONS, "there is no room to keep them all");

void inet_options_init(struct inet_socket *self)
{
	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		self->options[i] = options[i].initial;
}

static bool has(const struct inet_socket *self, const struct option *option)
{
	const bool stream = self->local.socket.type == SOCK_STREAM;
	if (option->level == SOL_IPV6 && self->local.socket.family != AF_INET6)
		return false;
	return option->of_type == EVERY || (option->of_type == STREAM) == stream;
}

/* Its place in the table; ARRAY_SIZE(options): the socket does not have it. */
static size_t find(const struct inet_socket *self, uint32_t level, uint32_t name)
{
	size_t i = 0;
	while (i < ARRAY_SIZE(options) &&
	       ((uint32_t)options[i].level != level || (uint32_t)options[i].name != name ||
		!has(self, &options[i])))
		i++;
	return i;
}

/* As Linux has it for getsockopt(), by the family that is asked last. */
static bool has_level(const struct inet_socket *self, uint32_t level)
{
	return level == SOL_IP || self->local.socket.family == AF_INET6 ||
	       (level == SOL_TCP && self->local.socket.type == SOCK_STREAM);
}

static int state(const struct inet_socket *self)
{
	if (self->local.state == UNIX_LISTENING)
		return STATE_LISTEN;
	if (self->local.state != UNIX_CONNECTED || inet_is_over(self))
		return STATE_CLOSE;
	return self->finished ? STATE_CLOSE_WAIT : STATE_ESTABLISHED;
}

static int write_value(const void *found, uint32_t size, uint32_t room, uint64_t value,
		       uint64_t length)
{
	size = size < room ? size : room;
	int error = user_copy_out(length, &size, sizeof(size));
	return error ? error : user_copy_out(value, found, size);
}

int inet_get_option(struct file *file, uint32_t level, uint32_t option, uint64_t value,
		    uint64_t length)
{
	const struct inet_socket *self = inet_socket_of(file);
	const size_t place = find(self, level, option);
	uint32_t room;
	int error = socket_read_room(length, &room);
	if (error)
		return error;
	if (level == SOL_TCP && option == TCP_INFO && self->local.socket.type == SOCK_STREAM) {
		const struct tcp_info info = {.tcpi_state = (uint8_t)state(self)};
		return write_value(&info, sizeof(info), room, value, length);
	}
	if (place == ARRAY_SIZE(options))
		return has_level(self, level) ? -ENOPROTOOPT : -EOPNOTSUPP;
	/* The IP level also has its numbers as bytes. */
	const int number = self->options[place];
	const uint8_t byte = (uint8_t)number;
	if (level == SOL_IP && room > 0 && room < sizeof(number) && number == byte)
		return write_value(&byte, sizeof(byte), room, value, length);
	return write_value(&number, sizeof(number), room, value, length);
}

static int read_number(uint32_t level, uint64_t value, uint32_t length, int *number)
{
	uint8_t byte;
	*number = 0;
	if (length >= sizeof(*number))
		return user_copy_in(number, value, sizeof(*number));
	if (level != SOL_IP)
		return -EINVAL;
	int error = length ? user_copy_in(&byte, value, sizeof(byte)) : 0;
	if (!error && length)
		*number = byte;
	return error;
}

int inet_set_option(struct file *file, uint32_t level, uint32_t option, uint64_t value,
		    uint32_t length)
{
	struct inet_socket *self = inet_socket_of(file);
	const size_t place = find(self, level, option);
	int number;
	if (place == ARRAY_SIZE(options))
		return -ENOPROTOOPT;
	const struct option *known = &options[place];
	int error = read_number(level, value, length, &number);
	if (error)
		return error;
	if (known->is_switch)
		number = number != 0;
	else if (level == SOL_TCP ? option == TCP_MAXSEG && !number : number == -1)
		number = known->initial;
	if (!known->is_switch && (number < known->least || number > known->most))
		return -EINVAL;
	if (level == SOL_IPV6 && option == IPV6_V6ONLY) {
		if (self->own.port)
			return -EINVAL;
		self->only_v6 = number;
	}
	self->options[place] = number;
	return 0;
}
