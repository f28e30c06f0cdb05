#include "courier/reach.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "courier/courier.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"

enum place {
	PLACE_OTHERS,
	PLACE_LOOPBACK,
	PLACE_LINK_LOCAL,
	PLACE_NOWHERE,
};

static const struct {
	uint32_t network, mask;
	enum place place;
} places[] = {
    {0x00000000, 0xff000000, PLACE_LOOPBACK}, /* 0.0.0.0 leads to this machine, too */
    {0x7f000000, 0xff000000, PLACE_LOOPBACK},
    {0xa9fe0000, 0xffff0000, PLACE_LINK_LOCAL},
    /* Metadata services that are not link-local: 100.100.100.200, 168.63.129.16. */
    {0x646464c8, 0xffffffff, PLACE_LINK_LOCAL},
    {0xa83f8110, 0xffffffff, PLACE_LINK_LOCAL},
    {0xe0000000, 0xe0000000, PLACE_NOWHERE},
};

static enum place place_of_v4(uint32_t address)
{
	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		if ((address & places[i].mask) == places[i].network)
			return places[i].place;
	return PLACE_OTHERS;
}

static enum place place_of_v6(const struct in6_addr *address)
{
	/* An address of version 4 within: ::ffff:a.b.c.d, ::a.b.c.d and 64:ff9b::a.b.c.d. */
	static const uint8_t translated[12] = {0x00, 0x64, 0xff, 0x9b};
	/* fd00:ec2::254 */
	static const uint8_t metadata[16] = {0xfd, 0x00, 0x0e, 0xc2, [14] = 0x02, [15] = 0x54};
	uint32_t within;
	memcpy(&within, address->s6_addr + 12, sizeof(within));
	if (IN6_IS_ADDR_LOOPBACK(address))
		return PLACE_LOOPBACK;
	if (IN6_IS_ADDR_V4MAPPED(address) || !memcmp(address, translated, sizeof(translated)) ||
	    IN6_IS_ADDR_V4COMPAT(address) || IN6_IS_ADDR_UNSPECIFIED(address))
		return place_of_v4(ntohl(within));
	if (IN6_IS_ADDR_LINKLOCAL(address) || !memcmp(address, metadata, sizeof(metadata)))
		return PLACE_LINK_LOCAL;
	return IN6_IS_ADDR_MULTICAST(address) ? PLACE_NOWHERE : PLACE_OTHERS;
}

static bool is_same(const struct sockaddr_storage *one, const struct sockaddr *other)
{
	if (one->ss_family != other->sa_family)
		return false;
	if (other->sa_family == AF_INET)
		return ((const struct sockaddr_in *)one)->sin_addr.s_addr ==
		       ((const struct sockaddr_in *)other)->sin_addr.s_addr;
	return IN6_ARE_ADDR_EQUAL(&((const struct sockaddr_in6 *)one)->sin6_addr,
				  &((const struct sockaddr_in6 *)other)->sin6_addr);
}

/* Whether it is an address of one of this machine's interfaces: what is sent there comes from there.
 * Connecting by UDP sends nothing. */
static bool leads_here(const struct sockaddr *address)
{
	struct sockaddr_storage from = {0};
	socklen_t size = sizeof(from);
	cleanup_close int fd = socket(address->sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	const socklen_t length = address->sa_family == AF_INET ? sizeof(struct sockaddr_in)
							       : sizeof(struct sockaddr_in6);
	return fd >= 0 && !connect(fd, address, length) &&
	       !getsockname(fd, (struct sockaddr *)&from, &size) && is_same(&from, address);
}

bool reach_allows(const struct sockaddr *address, unsigned reach)
{
	enum place place = PLACE_NOWHERE;
	if (address->sa_family == AF_INET)
		place = place_of_v4(ntohl(((const struct sockaddr_in *)address)->sin_addr.s_addr));
	else if (address->sa_family == AF_INET6)
		place = place_of_v6(&((const struct sockaddr_in6 *)address)->sin6_addr);
	if (place == PLACE_OTHERS && leads_here(address))
		place = PLACE_LOOPBACK;
	switch (place) {
	case PLACE_OTHERS:
		return true;
	case PLACE_LOOPBACK:
		return reach & COURIER_REACH_LOOPBACK;
	case PLACE_LINK_LOCAL:
		return reach & COURIER_REACH_LINK_LOCAL;
	default:
		return false;
	}
}
