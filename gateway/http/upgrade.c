/* Tunnels: connections that were upgraded to another protocol, whose bytes nobody here looks at.
 *
 * Not by TLS: libmicrohttpd 0.9.75 puts a pair of sockets in between then, and bytes stay there for ever where
 * one side takes them slowly.
 *
 * libmicrohttpd hands over a descriptor, which is its own to close, and keeps the exchange until then. All
 * that is done by the thread that runs the server, but for sending: that is done by whoever writes. */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "http/server.h"
#include "util/clock.h"
#include "util/lock.h"

#define RECEIVE_SIZE 16384 /* at once, so that all have their turn */
#define EVENTS_MAX   32

/* ── going out ───────────────────────────────────────────────────────────────────────────────── */

void tunnel_watch(struct http_exchange *exchange)
{
	const bool writes = exchange->pieces.first, reads = !exchange->paused;
	const uint32_t events = (reads ? EPOLLIN : 0U) | (writes ? EPOLLOUT : 0U);
	struct epoll_event event = {.events = events, .data.ptr = exchange};
	if (events == exchange->events || !exchange->urh)
		return;
	exchange->events = events;
	epoll_ctl(exchange->connection->server->epoll, EPOLL_CTL_MOD, exchange->tunnel, &event);
}

/* Takes off the first piece where all of it was sent. */
static void note_sent(struct http_exchange *exchange, size_t sent, struct pieces *done)
{
	struct pieces *pieces = &exchange->pieces;
	struct piece *piece = pieces->first;
	piece->data += sent;
	piece->length -= sent;
	if (piece->length)
		return;
	pieces->first = piece->next;
	if (!pieces->first)
		pieces->last = &pieces->first;
	piece->next = NULL;
	*done->last = piece;
	done->last = &piece->next;
}

void tunnel_flush(struct http_exchange *exchange, struct pieces *done)
{
	struct piece *piece;
	while (done && (piece = exchange->pieces.first)) {
		const ssize_t sent =
		    send(exchange->tunnel, piece->data, piece->length, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent < 0 && errno != EAGAIN && errno != EINTR) {
			connection_break(exchange->connection);
			return;
		}
		if (sent < 0 && errno == EAGAIN)
			break;
		if (sent > 0)
			note_sent(exchange, (size_t)sent, done);
	}
	if (exchange->ended && !exchange->pieces.first && exchange->phase == PHASE_TUNNEL) {
		exchange->phase = PHASE_LINGER;
		exchange->pace.since_ns = clock_now_ns();
		exchange->paused = false; /* to see the client's end */
		shutdown(exchange->tunnel, SHUT_WR);
	}
	tunnel_watch(exchange);
}

static void send_more(struct http_exchange *exchange)
{
	struct pieces done = {.last = &done.first};
	pthread_mutex_lock(&exchange->connection->lock);
	tunnel_flush(exchange, &done);
	pthread_mutex_unlock(&exchange->connection->lock);
	release_pieces(done.first);
}

/* ── coming in ───────────────────────────────────────────────────────────────────────────────── */

/* Whether it goes on. */
static bool take(struct http_exchange *exchange, const char *data, size_t length)
{
	struct connection *connection = exchange->connection;
	const struct http_settings *settings = &connection->server->settings;
	{
		lock_scoped(&connection->lock);
		if (exchange->cut)
			return false;
		if (exchange->ended)
			return true; /* it is forgotten */
		if (length > settings->body_limit - exchange->received) {
			connection_break(connection);
			return false;
		}
		exchange->received += length;
	}
	if (settings->handler->body(exchange->state, data, length)) {
		lock_scoped(&connection->lock);
		connection_break(connection);
		return false;
	}
	lock_scoped(&connection->lock);
	tunnel_watch(exchange);
	return true;
}

/* False: it has ended. */
static bool receive(struct http_exchange *exchange)
{
	char bytes[RECEIVE_SIZE];
	const ssize_t got = recv(exchange->tunnel, bytes, sizeof(bytes), MSG_DONTWAIT);
	if (got > 0)
		return take(exchange, bytes, (size_t)got);
	return got < 0 && (errno == EAGAIN || errno == EINTR);
}

/* libmicrohttpd ends the exchange when it is run the next time. */
static void close_tunnel(struct http_exchange *exchange)
{
	struct http_server *server = exchange->connection->server;
	struct MHD_UpgradeResponseHandle *urh;
	{
		lock_scoped(&exchange->connection->lock);
		urh = take_pointer(exchange->urh);
	}
	if (!urh)
		return;
	server->tunnels--;
	epoll_ctl(server->epoll, EPOLL_CTL_DEL, exchange->tunnel, NULL);
	MHD_upgrade_action(urh, MHD_UPGRADE_ACTION_CLOSE);
}

/* ── the server's thread ─────────────────────────────────────────────────────────────────────── */

/* Whether it has ended. */
static bool serve(struct http_exchange *exchange, uint32_t events)
{
	bool lives = !(events & (EPOLLERR | EPOLLHUP));
	if (events & EPOLLOUT && lives)
		send_more(exchange);
	if (events & EPOLLIN && lives)
		lives = receive(exchange);
	if (!lives)
		close_tunnel(exchange);
	return !lives;
}

bool tunnels_run(struct http_server *server)
{
	struct epoll_event events[EVENTS_MAX];
	bool ended = false;
	if (!server->tunnels)
		return false;
	const int count = epoll_wait(server->epoll, events, EVENTS_MAX, 0);
	for (int i = 0; i < count; i++)
		if (events[i].data.ptr)
			ended |= serve(events[i].data.ptr, events[i].events);
	server->called_back |= ended;
	return ended;
}

/* libmicrohttpd's callback: 101 has been sent. `extra` has come already. */
static void begin(void *context, struct MHD_Connection *mhd, void *place, const char *extra,
		  size_t extra_length, MHD_socket tunnel, struct MHD_UpgradeResponseHandle *urh)
{
	struct http_exchange *exchange = context;
	struct http_server *server = exchange->connection->server;
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = exchange};
	{
		lock_scoped(&exchange->connection->lock);
		exchange->urh = urh;
		exchange->tunnel = tunnel;
		exchange->tunneled = true;
		exchange->phase = PHASE_TUNNEL;
		exchange->events = event.events;
	}
	server->tunnels++;
	if (epoll_ctl(server->epoll, EPOLL_CTL_ADD, tunnel, &event) ||
	    (extra_length && !take(exchange, extra, extra_length)))
		close_tunnel(exchange);
	else
		send_more(exchange);
}

/* ── the response ────────────────────────────────────────────────────────────────────────────── */

static int make(struct http_exchange *exchange, const struct http_header *headers, size_t count)
{
	struct MHD_Response *response = MHD_create_response_for_upgrade(begin, exchange);
	if (!response)
		return -ENOMEM;
	int result = response_add_headers(response, headers, count);
	if (!result &&
	    MHD_add_response_header(response, MHD_HTTP_HEADER_UPGRADE, "websocket") != MHD_YES)
		result = -ENOMEM;
	if (result)
		MHD_destroy_response(response);
	else
		exchange->response = response;
	return result;
}

int http_upgrade(struct http_exchange *exchange, const struct http_header *headers,
		 size_t header_count)
{
	int result = response_check(exchange, MHD_HTTP_OK, headers, header_count);
	if (result)
		return result;
	wake_scoped(waiting);
	lock_scoped(&exchange->connection->lock);
	if (exchange->over || exchange->cut || exchange->ended)
		return -EPIPE;
	if (exchange->status || !exchange->head.upgrades)
		return -EINVAL;
	result = make(exchange, headers, header_count);
	if (result)
		return result;
	exchange->status = MHD_HTTP_SWITCHING_PROTOCOLS;
	exchange->length = UINT64_MAX;
	exchange->upgrading = true;
	connection_wake(exchange, &waiting);
	return 0;
}
