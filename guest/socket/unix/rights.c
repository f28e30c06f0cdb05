/* Files on their way between sockets (SCM_RIGHTS): how many there may be, and circles of them.
 *
 * A socket that is in a packet in its own queue, or in one of another socket that is in its queue,
 * has a reference that nobody can ever close. So after a close the sockets are looked for that the
 * program can reach: those which have a reference that is no packet's, and what is in their queues.
 * The queues of the others are dropped. */
#include <errno.h>

#include "guest/mm/heap.h"
#include "guest/sched/limits.h"
#include "unix.h"

static uint32_t on_their_way, sockets_on_their_way;

void unix_rights_drop(struct unix_rights *rights)
{
	for (uint32_t i = 0; i < rights->count; i++)
		file_drop(rights->files[i]);
	heap_free(rights->files, UNIX_RIGHTS_MAX * sizeof(void *));
	*rights = (struct unix_rights){0};
}

int unix_rights_copy(struct unix_rights *copy, const struct unix_rights *rights)
{
	*copy = (struct unix_rights){0};
	if (!rights->count)
		return 0;
	copy->files = heap_allocate(UNIX_RIGHTS_MAX * sizeof(void *));
	if (!copy->files)
		return -ENOMEM;
	for (; copy->count < rights->count; copy->count++) {
		copy->files[copy->count] = rights->files[copy->count];
		file_hold(copy->files[copy->count]);
	}
	return 0;
}

int unix_rights_depart(const struct unix_rights *rights)
{
	if (!rights->count)
		return 0;
	if (on_their_way + rights->count > LIMIT_OPEN_FILES)
		unix_collect();
	if (on_their_way + rights->count > LIMIT_OPEN_FILES)
		return -ETOOMANYREFS;
	on_their_way += rights->count;
	for (uint32_t i = 0; i < rights->count; i++) {
		struct unix_socket *socket = unix_socket_of(rights->files[i]);
		if (!socket)
			continue;
		socket->on_their_way++;
		sockets_on_their_way++;
	}
	return 0;
}

void unix_rights_arrive(const struct unix_rights *rights)
{
	on_their_way -= rights->count;
	for (uint32_t i = 0; i < rights->count; i++) {
		struct unix_socket *socket = unix_socket_of(rights->files[i]);
		if (!socket)
			continue;
		socket->on_their_way--;
		sockets_on_their_way--;
	}
}

/* ── circles ─────────────────────────────────────────────────────────────────────────────────── */

/* Puts a socket on the list of those whose queues are still to be looked at. */
static void reach(struct unix_socket *socket, struct unix_socket **list)
{
	if (socket->reached)
		return;
	socket->reached = true;
	socket->next_reached = *list;
	*list = socket;
}

static void reach_from(const struct unix_socket *socket, struct unix_socket **list)
{
	for (const struct unix_packet *packet = socket->first; packet; packet = packet->next) {
		for (uint32_t i = 0; i < packet->rights.count; i++) {
			struct unix_socket *sent = unix_socket_of(packet->rights.files[i]);
			if (sent)
				reach(sent, list);
		}
	}
	for (struct unix_socket *next = socket->waiting; next; next = next->next_waiting)
		reach(next, list);
}

void unix_collect(void)
{
	static bool collecting;
	struct unix_socket *list = NULL;
	if (collecting || !sockets_on_their_way)
		return;
	collecting = true;
	for (struct unix_socket *socket = unix_first_socket(); socket; socket = socket->next) {
		socket->reached = false;
		socket->next_reached = NULL;
	}
	for (struct unix_socket *socket = unix_first_socket(); socket; socket = socket->next)
		if (socket->file && socket->file->references > socket->on_their_way)
			reach(socket, &list);
	while (list) {
		const struct unix_socket *socket = list;
		list = list->next_reached;
		reach_from(socket, &list);
	}
	/* Others close with the first queue that goes, so the search begins anew each time. */
	struct unix_socket *socket = unix_first_socket();
	while (socket) {
		if (!socket->reached && socket->first) {
			unix_drop_packets(socket);
			socket = unix_first_socket();
		} else {
			socket = socket->next;
		}
	}
	collecting = false;
}
