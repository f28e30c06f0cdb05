/* Options of the level SOL_SOCKET; see socket(7). What a family cannot act on is kept and told, as
 * Linux does it. */
#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <sys/time.h>

#include "guest/machine/clock.h"
#include "guest/mm/user_memory.h"
#include "sizes/sizes.h"
#include "socket.h"

/* Linux' bounds (net.core.*mem_max); what a program sets is doubled, for what the kernel needs
 * besides. */
#define SIZE_MAX_SETTABLE 212992
#define SEND_SIZE_MIN	  4608
#define RECEIVE_SIZE_MIN  2304
#define MICROSECONDS	  1000000

/* Those that are on or off, in the order of their bits. */
static const int switches[] = {
    SO_PASSCRED,  SO_DEBUG,	SO_REUSEADDR, SO_DONTROUTE,   SO_BROADCAST,
    SO_KEEPALIVE, SO_OOBINLINE, SO_TIMESTAMP, SO_TIMESTAMPNS, SO_PASSSEC,
    SO_NO_CHECK,  SO_RXQ_OVFL,	SO_REUSEPORT,
};
#define PASSES_CREDENTIALS 1U

/* The bit of an option; 0: it is no switch. */
static uint32_t find_switch(uint32_t option)
{
	for (size_t i = 0; i < ARRAY_SIZE(switches); i++)
		if ((uint32_t)switches[i] == option)
			return 1U << i;
	return 0;
}

bool socket_passes_credentials(const struct socket *socket)
{
	return socket->settings.switches & PASSES_CREDENTIALS;
}

bool socket_reuses_address(const struct socket *socket)
{
	return socket->settings.switches & find_switch(SO_REUSEADDR);
}

bool socket_reuses_port(const struct socket *socket)
{
	return socket->settings.switches & find_switch(SO_REUSEPORT);
}

void socket_inherit(struct socket *accepted, const struct socket *listener)
{
	accepted->settings.switches |= listener->settings.switches & PASSES_CREDENTIALS;
}

union option_value {
	int number;
	struct timeval time;
	struct linger linger;
	struct ucred credentials;
};

static struct timeval to_timeval(uint64_t nanoseconds)
{
	return (struct timeval){
	    .tv_sec = (time_t)(nanoseconds / NANOSECONDS),
	    .tv_usec = (suseconds_t)(nanoseconds % NANOSECONDS / 1000),
	};
}

/* The option's value. Its size; 0: there is no such option. */
static uint32_t describe(struct file *file, uint32_t option, union option_value *value)
{
	struct socket *socket = socket_of(file);
	const struct socket_operations *operations = socket->operations;
	const struct socket_settings *settings = &socket->settings;
	switch (option) {
	case SO_TYPE:
		value->number = socket->type;
		break;
	case SO_DOMAIN:
		value->number = socket->family;
		break;
	case SO_PROTOCOL:
		value->number = socket->protocol;
		break;
	case SO_ERROR:
		value->number = -socket_take_error(socket);
		break;
	case SO_ACCEPTCONN:
		value->number = operations->listens && operations->listens(socket);
		break;
	case SO_SNDBUF:
		value->number = (int)settings->send_size;
		break;
	case SO_RCVBUF:
		value->number = (int)settings->receive_size;
		break;
	case SO_RCVLOWAT:
		value->number = (int)settings->least;
		break;
	case SO_SNDLOWAT:
		value->number = 1;
		break;
	case SO_PRIORITY:
		value->number = (int)settings->priority;
		break;
	case SO_LINGER:
		value->linger = settings->linger;
		return sizeof(value->linger);
	case SO_RCVTIMEO:
		value->time = to_timeval(settings->receive_timeout_ns);
		return sizeof(value->time);
	case SO_SNDTIMEO:
		value->time = to_timeval(settings->send_timeout_ns);
		return sizeof(value->time);
	case SO_PEERCRED:
		value->credentials = (struct ucred){.uid = UINT32_MAX, .gid = UINT32_MAX};
		if (operations->peer_credentials)
			operations->peer_credentials(file, &value->credentials);
		return sizeof(value->credentials);
	default:
		if (!find_switch(option))
			return 0;
		value->number = (settings->switches & find_switch(option)) != 0;
	}
	return sizeof(value->number);
}

int socket_read_room(uint64_t length, uint32_t *room)
{
	int32_t given;
	int error = user_copy_in(&given, length, sizeof(given));
	if (error)
		return error;
	if (given < 0)
		return -EINVAL;
	*room = (uint32_t)given;
	return 0;
}

int socket_get_option(struct file *file, uint32_t option, uint64_t value, uint64_t length)
{
	union option_value found = {0};
	uint32_t room;
	int error = socket_read_room(length, &room);
	if (error)
		return error;
	uint32_t size = describe(file, option, &found);
	if (!size)
		return -ENOPROTOOPT;
	if (room < size)
		size = room;
	error = user_copy_out(value, &found, size);
	return error ? error : user_copy_out(length, &size, sizeof(size));
}

static int set_timeout(uint64_t *timeout_ns, uint64_t value, uint32_t length)
{
	struct timeval time;
	uint64_t nanoseconds;
	if (length < sizeof(time))
		return -EINVAL;
	int error = user_copy_in(&time, value, sizeof(time));
	if (error)
		return error;
	if (time.tv_usec < 0 || time.tv_usec >= MICROSECONDS)
		return -EDOM;
	if (time.tv_sec < 0)
		return -EAGAIN;
	/* What is longer than the clock goes is for ever. */
	if (mul_overflows((uint64_t)time.tv_sec, NANOSECONDS, &nanoseconds) ||
	    add_overflows(nanoseconds, (uint64_t)time.tv_usec * 1000, &nanoseconds))
		nanoseconds = 0;
	*timeout_ns = nanoseconds;
	return 0;
}

static int set_linger(struct linger *linger, uint64_t value, uint32_t length)
{
	struct linger wanted;
	if (length < sizeof(wanted))
		return -EINVAL;
	int error = user_copy_in(&wanted, value, sizeof(wanted));
	if (error)
		return error;
	linger->l_onoff = wanted.l_onoff != 0;
	if (wanted.l_onoff)
		linger->l_linger = wanted.l_linger;
	return 0;
}

static uint32_t bounded_size(int value, uint32_t least)
{
	uint32_t size = (uint32_t)value < SIZE_MAX_SETTABLE ? (uint32_t)value : SIZE_MAX_SETTABLE;
	return 2 * size > least ? 2 * size : least;
}

static int set_number(struct socket *socket, uint32_t option, int number)
{
	struct socket_settings *settings = &socket->settings;
	switch (option) {
	case SO_TYPE:
	case SO_DOMAIN:
	case SO_PROTOCOL:
	case SO_ERROR:
	case SO_ACCEPTCONN:
	case SO_SNDLOWAT:
	case SO_PEERCRED:
		return -ENOPROTOOPT;
	case SO_SNDBUF:
	case SO_SNDBUFFORCE:
		settings->send_size = bounded_size(number, SEND_SIZE_MIN);
		return 0;
	case SO_RCVBUF:
	case SO_RCVBUFFORCE:
		settings->receive_size = bounded_size(number, RECEIVE_SIZE_MIN);
		return 0;
	case SO_RCVLOWAT:
		settings->least = number < 0 ? INT_MAX : number ? (uint32_t)number : 1;
		return 0;
	case SO_PRIORITY:
		settings->priority = (uint32_t)number;
		return 0;
	case SO_BSDCOMPAT:
		return 0;
	default:
		break;
	}
	const uint32_t bit = find_switch(option);
	if (!bit)
		return -ENOPROTOOPT;
	settings->switches = number ? settings->switches | bit : settings->switches & ~bit;
	return 0;
}

int socket_set_option(struct socket *socket, uint32_t option, uint64_t value, uint32_t length)
{
	int number;
	if ((int32_t)length < (int32_t)sizeof(number))
		return -EINVAL;
	int error = user_copy_in(&number, value, sizeof(number));
	if (error)
		return error;
	if (option == SO_LINGER)
		return set_linger(&socket->settings.linger, value, length);
	if (option == SO_RCVTIMEO)
		return set_timeout(&socket->settings.receive_timeout_ns, value, length);
	if (option == SO_SNDTIMEO)
		return set_timeout(&socket->settings.send_timeout_ns, value, length);
	return set_number(socket, option, number);
}
