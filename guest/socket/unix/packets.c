/* Packets on their way between sockets, and what they are charged. */
#include <errno.h>

#include "guest/mm/heap.h"
#include "guest/sched/thread.h"
#include "sizes/sizes.h"
#include "unix.h"

/* What a packet costs its payer besides its bytes: about what it costs Linux, so that as many fit
 * there as here. */
#define PACKET_COST 768

static size_t packet_size(const struct unix_packet *packet)
{
	return sizeof(*packet) + packet->length;
}

struct unix_packet *unix_packet_create(struct unix_socket *from, struct unix_socket *payer,
				       uint32_t length)
{
	struct unix_packet *packet = heap_allocate(sizeof(*packet) + length);
	if (!packet)
		return NULL;
	packet->length = length;
	packet->from = from;
	packet->payer = payer;
	packet->charge = PACKET_COST + length;
	payer->charged += packet->charge;
	inode_hold(from->inode);
	inode_hold(payer->inode);
	return packet;
}

void unix_packet_add(struct unix_socket *to, struct unix_packet *packet)
{
	if (to->last)
		to->last->next = packet;
	else
		to->first = packet;
	to->last = packet;
	to->packets++;
	unix_signal(to);
}

struct unix_packet *unix_packet_take(struct unix_socket *from)
{
	struct unix_packet *packet = from->first;
	from->first = packet->next;
	if (!from->first)
		from->last = NULL;
	from->packets--;
	packet->next = NULL;
	return packet;
}

static void free_one(struct unix_packet *packet)
{
	struct unix_socket *from = packet->from;
	packet->payer->charged -= packet->charge;
	unix_signal(packet->payer);
	inode_drop(packet->payer->inode);
	inode_drop(from->inode);
	unix_rights_arrive(&packet->rights);
	unix_rights_drop(&packet->rights);
	heap_free(packet, packet_size(packet));
}

/* A packet's files may be sockets with packets that have files: those are freed one after the
 * other, not one within the other, for which a thread's stack would not do. */
static void free_all(struct unix_packet *packets)
{
	static struct unix_packet *doomed;
	static bool freeing;
	while (packets) {
		struct unix_packet *next = packets->next;
		packets->next = doomed;
		doomed = packets;
		packets = next;
	}
	if (freeing)
		return;
	freeing = true;
	while (doomed) {
		struct unix_packet *packet = doomed;
		doomed = packet->next;
		free_one(packet);
	}
	freeing = false;
}

void unix_packet_free(struct unix_packet *packet)
{
	packet->next = NULL;
	free_all(packet);
}

void unix_drop_packets(struct unix_socket *of)
{
	struct unix_packet *packets = of->first;
	of->first = of->last = NULL;
	of->packets = 0;
	free_all(packets);
}

bool unix_has_room(const struct unix_socket *self)
{
	return self->charged < self->socket.settings.send_size;
}

bool unix_is_writable(const struct unix_socket *self)
{
	return self->state != UNIX_LISTENING &&
	       (uint64_t)self->charged * 4 <= self->socket.settings.send_size;
}

int unix_packet_attach(struct unix_packet *packet, const struct unix_socket *to,
		       const struct unix_sender *sender, struct unix_rights *rights)
{
	int error = unix_rights_depart(rights);
	if (error)
		return error;
	packet->rights = *rights;
	*rights = (struct unix_rights){0};
	packet->sender = *sender;
	if (!sender->is_known && (socket_passes_credentials(&packet->from->socket) ||
				  socket_passes_credentials(&to->socket)))
		packet->sender =
		    (struct unix_sender){.is_known = true, .credentials = unix_own_credentials()};
	return 0;
}
