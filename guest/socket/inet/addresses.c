/* Addresses of the internet's families; see inet.h. */
#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>

#include "guest/lib/text.h"
#include "guest/machine/machine.h"
#include "inet.h"

#define MAPPED_SIZE 12 /* bytes before the IPv4 address */
#define V6_SIZE_MIN 24 /* a struct sockaddr_in6 without its scope, as RFC 2133 had it */

static const uint8_t mapped[MAPPED_SIZE] = {[10] = 0xff, [11] = 0xff};
static const uint8_t zeros[16];

static uint16_t swapped(uint16_t port)
{
	return (uint16_t)(port << 8 | port >> 8);
}

bool inet_is_v4(const struct inet_address *address)
{
	return !memcmp(address->bytes, mapped, MAPPED_SIZE);
}

bool inet_is_any(const struct inet_address *address)
{
	if (inet_is_v4(address))
		return !memcmp(address->bytes + MAPPED_SIZE, zeros, 4);
	return !memcmp(address->bytes, zeros, sizeof(zeros));
}

bool inet_is_local(const struct inet_address *address)
{
	if (inet_is_v4(address))
		return address->bytes[MAPPED_SIZE] == 127;
	return !memcmp(address->bytes, zeros, 15) && address->bytes[15] == 1;
}

bool inet_same_host(const struct inet_address *one, const struct inet_address *other)
{
	return !memcmp(one->bytes, other->bytes, sizeof(one->bytes));
}

bool inet_same(const struct inet_address *one, const struct inet_address *other)
{
	return one->port == other->port && inet_same_host(one, other);
}

struct inet_address inet_any(int family, uint16_t port)
{
	struct inet_address address = {.port = port};
	if (family == AF_INET)
		memcpy(address.bytes, mapped, MAPPED_SIZE);
	return address;
}

struct inet_address inet_loopback(bool v4, uint16_t port)
{
	struct inet_address address = inet_any(v4 ? AF_INET : AF_INET6, port);
	if (v4)
		address.bytes[MAPPED_SIZE] = 127;
	address.bytes[15] = 1;
	return address;
}

static void read_v4(const struct socket_name *name, struct inet_address *address)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)&name->bytes;
	*address = inet_any(AF_INET, swapped(in->sin_port));
	memcpy(address->bytes + MAPPED_SIZE, &in->sin_addr, 4);
}

int inet_read_name(int family, const struct socket_name *name, struct inet_address *address)
{
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&name->bytes;
	const size_t least = family == AF_INET ? sizeof(struct sockaddr_in) : V6_SIZE_MIN;
	if (name->length < least)
		return -EINVAL;
	if (name->bytes.ss_family != family)
		return -EAFNOSUPPORT;
	if (family == AF_INET) {
		read_v4(name, address);
		return 0;
	}
	memcpy(address->bytes, &in6->sin6_addr, sizeof(address->bytes));
	address->port = swapped(in6->sin6_port);
	return 0;
}

void inet_write_name(int family, const struct inet_address *address, struct socket_name *name)
{
	struct sockaddr_in *in = (struct sockaddr_in *)&name->bytes;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&name->bytes;
	*name = (struct socket_name){0};
	name->bytes.ss_family = (sa_family_t)family;
	if (family == AF_INET) {
		memcpy(&in->sin_addr, address->bytes + MAPPED_SIZE, 4);
		in->sin_port = swapped(address->port);
		name->length = sizeof(*in);
	} else {
		memcpy(&in6->sin6_addr, address->bytes, sizeof(address->bytes));
		in6->sin6_port = swapped(address->port);
		name->length = sizeof(*in6);
	}
}

int inet_route(const struct inet_socket *self, struct inet_address *to)
{
	if (inet_is_any(to))
		*to = inet_loopback(inet_is_v4(to), to->port);
	/* From an address of one family to one of the other there is no way. */
	const bool crosses =
	    inet_is_v4(to) ? self->only_v6 || (!inet_is_any(&self->own) && !inet_is_v4(&self->own))
			   : inet_is_v4(&self->own);
	if (inet_is_local(to) && !crosses)
		return 0;
	machine_note_refusal(GUEST_HAS_NO_NETWORK ": nothing leads out of it (ENETUNREACH)");
	return -ENETUNREACH;
}
