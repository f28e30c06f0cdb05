/* Time-outs. libmicrohttpd has none for heads and bodies that come slowly, nor for responses that are read
 * slowly, and does not look at connections that wait; so a thread of this layer goes through them. */
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include "http/server.h"
#include "sizes/sizes.h"
#include "util/clock.h"
#include "util/lock.h"

/* How long a client that was refused in the middle of its body may go on with it. */
#define LINGER_NS (2 * NANOSECONDS_PER_SECOND)

/* How long an idle connection may stay once the server takes no more of them: so long a request that is on
 * its way has to come. */
#define QUIESCED_IDLE_NS (NANOSECONDS_PER_SECOND / 2)

/* So often libmicrohttpd was run when it is sure that it does not take what has come. */
#define STUCK_RUNS 64

/* New connections wait while so many are looked at, and then not for a while. */
#define BATCH	 100
#define PAUSE_NS 100000

/* Whether less than body_rate has moved for as long as a head may take; that much time anyone has. */
static bool is_slow(const struct http_settings *settings, struct pace *pace, uint64_t bytes,
		    uint64_t now)
{
	uint64_t elapsed = now - pace->since_ns, wanted;
	if (elapsed < settings->head_timeout_ns)
		return false;
	if (mul_overflows(settings->body_rate, elapsed / 1000000, &wanted))
		return true;
	bool slow = bytes - pace->bytes < wanted / 1000;
	*pace = (struct pace){.since_ns = now, .bytes = bytes};
	return slow;
}

static bool read_state(int fd, struct tcp_info *info)
{
	socklen_t size = sizeof(*info);
	return !getsockopt(fd, IPPROTO_TCP, TCP_INFO, info, &size);
}

/* libmicrohttpd says nothing of a request until it has its first line. So the bytes are counted that have come
 * since the connection was first seen without a request. */
static bool is_first_line_slow(struct connection *connection, uint64_t now)
{
	struct tcp_info info;
	if (!read_state(connection->fd, &info))
		return false;
	if (!connection->counted) {
		connection->counted = true;
		connection->received = info.tcpi_bytes_received;
	}
	if (connection->received == info.tcpi_bytes_received)
		return false;
	if (!connection->begun_ns)
		connection->begun_ns = now;
	return now - connection->begun_ns > connection->server->settings.head_timeout_ns;
}

/* How many bytes of all that was sent the client has acknowledged. False where it has all of them, or where
 * that cannot be known: on other sockets than those of TCP. */
static bool read_acknowledged(int fd, uint64_t *bytes)
{
	struct tcp_info info;
	if (!read_state(fd, &info) || (!info.tcpi_unacked && !info.tcpi_notsent_bytes))
		return false;
	*bytes = info.tcpi_bytes_acked;
	return true;
}

/* A response is slow while some of it is on its way to the client. */
static bool is_read_slowly(struct http_exchange *exchange, uint64_t now)
{
	uint64_t bytes;
	if (!read_acknowledged(exchange->connection->fd, &bytes)) {
		exchange->pace = (struct pace){.since_ns = now, .bytes = UINT64_MAX};
		return false;
	}
	if (exchange->pace.bytes == UINT64_MAX)
		exchange->pace.bytes = bytes;
	return is_slow(&exchange->connection->server->settings, &exchange->pace, bytes, now);
}

/* libmicrohttpd does not watch connections that wait, and in a body it misses an end that comes together
 * with the last bytes (epoll says both at once, and it reads no further). A client that has ended its side
 * at two looks is taken for one that has gone, as by most servers. */
static bool has_left(struct http_exchange *exchange)
{
	struct pollfd ready = {.fd = exchange->connection->fd, .events = POLLRDHUP};
	const bool unwatched = exchange->suspended || exchange->phase == PHASE_BODY;
	if (!unwatched || poll(&ready, 1, 0) <= 0) {
		exchange->left = false;
		return false;
	}
	bool left = exchange->left || (ready.revents & (POLLHUP | POLLERR));
	exchange->left = true;
	return left;
}

/* Whether libmicrohttpd, though it was run, does not take what has come of a body: a chunk's first line is longer
 * than the memory of its connection (see http_server_run()). */
static bool is_stuck(struct connection *connection)
{
	const struct http_exchange *exchange = connection->exchange;
	const uint64_t runs = connection->server->runs;
	uint8_t unread;
	if (exchange->suspended || exchange->head.length != UINT64_MAX ||
	    recv(connection->fd, &unread, 1, MSG_PEEK | MSG_DONTWAIT) <= 0) {
		connection->stuck_since = 0;
		return false;
	}
	if (!connection->stuck_since || connection->stuck_at != exchange->received) {
		connection->stuck_since = runs;
		connection->stuck_at = exchange->received;
	}
	return runs - connection->stuck_since >= STUCK_RUNS;
}

/* Under the connection's lock: whether it has had its time. */
static bool is_late(struct connection *connection, uint64_t now)
{
	struct http_server *server = connection->server;
	const struct http_settings *settings = &server->settings;
	struct http_exchange *exchange = connection->exchange;
	if (!exchange) {
		uint64_t idle = now - connection->idle_since_ns;
		return idle > settings->idle_timeout_ns ||
		       (server->quiesced && idle > QUIESCED_IDLE_NS) ||
		       is_first_line_slow(connection, now);
	}
	switch (exchange->phase) {
	case PHASE_HEAD:
		return now - exchange->pace.since_ns > settings->head_timeout_ns;
	case PHASE_BODY:
		return !exchange->paused &&
		       (is_slow(settings, &exchange->pace, exchange->received, now) ||
			is_stuck(connection));
	case PHASE_SENDING:
	case PHASE_TUNNEL:
		return is_read_slowly(exchange, now);
	case PHASE_LINGER:
		return now - exchange->pace.since_ns > LINGER_NS;
	case PHASE_SERVING:
		break;
	}
	return false;
}

static void look_at(struct connection *connection, uint64_t now)
{
	lock_scoped(&connection->lock);
	/* One that began after the time was taken is not late. */
	if (connection->idle_since_ns > now ||
	    (connection->exchange && connection->exchange->pace.since_ns > now))
		return;
	if (is_late(connection, now)) {
		connection->server->timed_out++;
		connection_break(connection);
	} else if (connection->exchange && has_left(connection->exchange)) {
		connection_break(connection);
	}
}

/* Under the server's lock, which is released meanwhile. */
static void wait_for(struct http_server *server, uint64_t duration_ns)
{
	struct timespec end = clock_timespec(clock_now_ns() + duration_ns);
	pthread_cond_timedwait(&server->sweep, &server->lock, &end);
}

/* The next ones; connections that come and go do not hinder it. */
static void sweep_some(struct http_server *server)
{
	uint64_t now = clock_now_ns();
	for (int i = 0; i < BATCH && server->cursor; i++) {
		struct connection *connection = server->cursor;
		server->cursor = connection->next;
		look_at(connection, now);
	}
}

void *sweep_run(void *context)
{
	struct http_server *server = context;
	lock_scoped(&server->lock);
	while (!server->swept) {
		wait_for(server, server->sweep_interval_ns);
		if (atomic_exchange(&server->stalled, false))
			server->settings.more(server->settings.context);
		server->cursor = server->connections;
		while (server->cursor && !server->swept) {
			sweep_some(server);
			if (server->cursor)
				wait_for(server, PAUSE_NS);
		}
	}
	return NULL;
}
