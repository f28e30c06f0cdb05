/* What all links have in common; see link.h. */
#include "link.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

void network_link_send(struct network_link *link, const uint8_t *frame, size_t length)
{
	if (length >= NETWORK_HEAD_SIZE && length <= NETWORK_HEAD_SIZE + link->mtu)
		link->kind->send(link, frame, length);
}

size_t network_link_receive(struct network_link *link, uint8_t *frame, size_t room)
{
	return link->kind->receive(link, frame, room);
}

uint64_t network_link_due(const struct network_link *link)
{
	return link->kind->due ? link->kind->due(link) : 0;
}

int network_link_serve(struct network_link *link, struct slot *slot, enum device_next *next,
		       struct error *error)
{
	return link->kind->serve ? link->kind->serve(link, slot, next, error) : 0;
}

bool network_link_is_settled(const struct network_link *link)
{
	return !link->kind->is_settled || link->kind->is_settled(link);
}

bool network_link_brings_requests(const struct network_link *link)
{
	return link->kind->brings_requests && link->kind->brings_requests(link);
}

size_t network_link_save(const struct network_link *link, uint8_t *out)
{
	return link->kind->save ? link->kind->save(link, out) : 0;
}

int network_link_begin(struct network_link *link, const uint8_t *state, size_t length,
		       struct error *error)
{
	const bool is_sound = link->kind->load ? link->kind->load(link, state, length) : !length;
	if (!is_sound)
		return error_set(error, EBADMSG,
				 "damaged: the state of a network link is not sound");
	return link->mac_is_given ? 0 : network_draw_mac(link->mac, error);
}

void network_link_go_on(struct network_link *link)
{
	if (link->kind->go_on)
		link->kind->go_on(link);
}

void network_link_release(struct network_link *link)
{
	if (link)
		link->kind->release(link);
}

int network_draw_mac(uint8_t mac[NETWORK_MAC_SIZE], struct error *error)
{
	if (getrandom(mac, NETWORK_MAC_SIZE, 0) != NETWORK_MAC_SIZE)
		return error_set_errno(error, errno, "cannot draw random bytes");
	mac[0] = (uint8_t)((mac[0] & ~1U) | 2U); /* not a group's; locally administered */
	return 0;
}
