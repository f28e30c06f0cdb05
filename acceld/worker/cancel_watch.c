/* Callers who give their ops up; see cancel_watch.h. */
#include "acceld/worker/cancel_watch.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "accel/state/op_host.h"
#include "acceld/worker/packet.h"
#include "util/cleanup.h"
#include "util/lock.h"
#include "util/log.h"

/* epoll's numbers of entries begin with 1. */
#define ENDING_NUMBER 0

#define HANGING_UP (EPOLLRDHUP | EPOLLHUP | EPOLLERR)

int cancel_watch_open(struct cancel_watch *watch, struct error *error)
{
	*watch = (struct cancel_watch){.epoll = -1, .ending = -1};
	cleanup_close int epoll = epoll_create1(EPOLL_CLOEXEC);
	cleanup_close int ending = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	struct epoll_event event = {.events = EPOLLIN, .data.u64 = ENDING_NUMBER};
	if (epoll < 0 || ending < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, ending, &event))
		return error_set_errno(error, errno, "cannot watch connections");
	watch->epoll = take_fd(&epoll);
	watch->ending = take_fd(&ending);
	pthread_mutex_init(&watch->lock, NULL);
	return 0;
}

/* So many packets of other calls are thrown away while a call is watched: a caller that sends without
 * an end must not keep this thread, which is everybody's. */
#define OTHERS_MAX 16

/* What the caller has sent meanwhile: true where it wants no answer any more. *look_on is false where
 * something lies there that is for later, or too much. */
static bool wants_no_answer(struct cancel_entry *entry, bool *look_on)
{
	struct wire_packet packet;
	for (;;) {
		*look_on = entry->others < OTHERS_MAX;
		if (!*look_on)
			return false;
		ssize_t length = recv(entry->socket, &packet, sizeof(packet),
				      MSG_PEEK | MSG_DONTWAIT | MSG_TRUNC);
		if (length < 0 && errno == EINTR)
			continue;
		if (length <= 0)
			return !length || errno != EAGAIN;
		*look_on = protocol_is_packet(&packet, length) && packet.kind == WIRE_PACKET_CANCEL;
		if (!*look_on)
			return false;
		recv(entry->socket, &packet, sizeof(packet), MSG_DONTWAIT);
		if (packet.tag == entry->tag)
			return true;
		entry->others++;
	}
}

static struct cancel_entry *find_entry(struct cancel_watch *watch, uint64_t number)
{
	struct cancel_entry *entry = watch->entries;
	while (entry && entry->number != number)
		entry = entry->next;
	return entry;
}

/* The op may have ended before the lock was taken: so events have numbers and not entries. */
static void look_at(struct cancel_watch *watch, const struct epoll_event *event)
{
	bool look_on = true;
	lock_scoped(&watch->lock);
	struct cancel_entry *entry = find_entry(watch, event->data.u64);
	if (!entry)
		return;
	if ((event->events & HANGING_UP) || wants_no_answer(entry, &look_on)) {
		mayfly_op_stop(entry->stop);
		return;
	}
	struct epoll_event again = {.events = EPOLLRDHUP | EPOLLONESHOT | (look_on ? EPOLLIN : 0),
				    .data.u64 = entry->number};
	epoll_ctl(watch->epoll, EPOLL_CTL_MOD, entry->socket, &again);
}

static void *watch_callers(void *context)
{
	struct cancel_watch *watch = context;
	struct epoll_event event;
	for (;;) {
		int count = epoll_wait(watch->epoll, &event, 1, -1);
		if (count < 0 && errno != EINTR)
			return NULL;
		if (count < 1)
			continue;
		if (event.data.u64 == ENDING_NUMBER)
			return NULL;
		look_at(watch, &event);
	}
}

int cancel_watch_start(struct cancel_watch *watch, struct error *error)
{
	int result = pthread_create(&watch->thread, NULL, watch_callers, watch);
	watch->running = !result;
	return result ? error_set_errno(error, result, "cannot start a thread that watches callers")
		      : 0;
}

void cancel_watch_close(struct cancel_watch *watch)
{
	if (watch->epoll < 0)
		return;
	eventfd_write(watch->ending, 1);
	if (watch->running)
		pthread_join(watch->thread, NULL);
	pthread_mutex_destroy(&watch->lock);
	close(take_fd(&watch->epoll));
	close(take_fd(&watch->ending));
}

void cancel_watch_begin(struct cancel_watch *watch, struct cancel_entry *entry)
{
	lock_scoped(&watch->lock);
	entry->number = ++watch->last_number;
	entry->others = 0;
	struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | EPOLLONESHOT,
				    .data.u64 = entry->number};
	if (epoll_ctl(watch->epoll, EPOLL_CTL_ADD, entry->socket, &event)) {
		entry->number = 0;
		return;
	}
	entry->previous = NULL;
	entry->next = watch->entries;
	if (entry->next)
		entry->next->previous = entry;
	watch->entries = entry;
}

void cancel_watch_end(struct cancel_watch *watch, struct cancel_entry *entry)
{
	if (!entry->number)
		return;
	lock_scoped(&watch->lock);
	epoll_ctl(watch->epoll, EPOLL_CTL_DEL, entry->socket, NULL);
	if (entry->previous)
		entry->previous->next = entry->next;
	else
		watch->entries = entry->next;
	if (entry->next)
		entry->next->previous = entry->previous;
	entry->number = 0;
}
