#include "worker/link_port.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/lock.h"
#include "util/log.h"

/* Messages that are taken before other descriptors have their turn. */
#define BATCH 64

struct link_port {
	int socket;
	struct event_loop *loop;
	struct event_loop_watch *watch;
	void (*receive)(void *context, const struct link_message *message);
	void *context;

	pthread_mutex_t lock;
	/* What there was no room for in the socket, and what nobody waits for, in their order. */
	struct link_message *waiting;
	size_t first, end, room;
	struct event_loop_post post; /* has the loop wait for room */
	bool posted;
	struct event_loop_post soon;
	bool soon_posted;
};

static void give_up(struct link_port *port, int result)
{
	if (result != -EPIPE)
		log_error("the link to the supervisor: %s", strerrordesc_np(-result));
	event_loop_stop(port->loop);
}

/* Sends what waits. Whether all is sent; the lock is held. */
static bool flush(struct link_port *port)
{
	while (port->first < port->end) {
		const int result = link_send(port->socket, &port->waiting[port->first]);
		if (result == -EAGAIN)
			return false;
		if (result) {
			give_up(port, result);
			break;
		}
		port->first++;
	}
	port->first = port->end = 0;
	return true;
}

static void flush_or_wait(struct link_port *port)
{
	if (!flush(port))
		event_loop_watch_for(port->loop, port->watch, EPOLLIN | EPOLLOUT);
}

static void wait_for_room(struct event_loop_post *post)
{
	struct link_port *port =
	    (struct link_port *)((char *)post - offsetof(struct link_port, post));
	lock_scoped(&port->lock);
	port->posted = false;
	flush_or_wait(port);
}

static void send_soon(struct event_loop_post *post)
{
	struct link_port *port =
	    (struct link_port *)((char *)post - offsetof(struct link_port, soon));
	lock_scoped(&port->lock);
	port->soon_posted = false;
	flush_or_wait(port);
}

/* False where there is no memory. */
static bool keep(struct link_port *port, const struct link_message *message)
{
	if (port->end == port->room) {
		const size_t room = port->room ? 2 * port->room : 64;
		struct link_message *grown = reallocarray(port->waiting, room, sizeof(*grown));
		if (!grown)
			return false;
		port->waiting = grown;
		port->room = room;
	}
	port->waiting[port->end++] = *message;
	return true;
}

/* Where there is no memory to keep it: waits until it, and all before it, is sent. */
static int send_late(struct link_port *port, struct link_message *message)
{
	int result = 0;
	while (!result && port->first < port->end)
		result = link_send_wait(port->socket, &port->waiting[port->first++]);
	return result ? result : link_send_wait(port->socket, message);
}

void link_port_send(struct link_port *port, struct link_message message)
{
	lock_scoped(&port->lock);
	int result = flush(port) ? link_send(port->socket, &message) : -EAGAIN;
	if (result == -EAGAIN && keep(port, &message)) {
		if (!port->posted)
			event_loop_post(port->loop, &port->post);
		port->posted = true;
		return;
	}
	if (result == -EAGAIN)
		result = send_late(port, &message);
	if (result)
		give_up(port, result);
}

void link_port_send_soon(struct link_port *port, struct link_message message)
{
	lock_scoped(&port->lock);
	if (!keep(port, &message)) {
		const int result = send_late(port, &message);
		if (result)
			give_up(port, result);
		return;
	}
	if (!port->soon_posted)
		event_loop_post_late(port->loop, &port->soon);
	port->soon_posted = true;
}

static void ready(void *context, uint32_t events)
{
	struct link_port *port = context;
	struct link_message message;
	if (events & EPOLLOUT) {
		lock_scoped(&port->lock);
		if (flush(port))
			event_loop_watch_for(port->loop, port->watch, EPOLLIN);
	}
	for (int i = 0; i < BATCH; i++) {
		const int result = link_receive(port->socket, &message);
		if (result == -EAGAIN)
			return;
		if (result) {
			give_up(port, result);
			return;
		}
		port->receive(port->context, &message);
	}
}

int link_port_open(struct link_port **opened, int socket, struct event_loop *loop,
		   void (*receive)(void *context, const struct link_message *message),
		   void *context, struct error *error)
{
	cleanup_free struct link_port *port = calloc(1, sizeof(*port));
	if (!port)
		return error_set(error, ENOMEM, "no memory for the link");
	port->socket = socket;
	port->loop = loop;
	port->receive = receive;
	port->context = context;
	port->post.call = wait_for_room;
	port->soon.call = send_soon;
	const int result =
	    event_loop_watch(loop, socket, EPOLLIN, ready, port, &port->watch, error);
	if (result)
		return result;
	pthread_mutex_init(&port->lock, NULL);
	*opened = take_pointer(port);
	return 0;
}

void link_port_close(struct link_port *port)
{
	if (!port)
		return;
	event_loop_unwatch(port->loop, port->watch);
	flush(port);
	pthread_mutex_destroy(&port->lock);
	free(port->waiting);
	free(port);
}
