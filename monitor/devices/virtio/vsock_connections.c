/* The host's side of a vsock; see vsock_connections.h. Nothing here waits. */
#include "vsock_connections.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sizes/sizes.h"

#define LISTENER    UINT32_MAX /* in the place of a connection's number */
#define EVENTS_MAX  16
#define CALLERS_MAX 16 /* that are accepted at a time */
#define WORD	    "CONNECT "

/* ── making and ending ───────────────────────────────────────────────────────────────────────── */

/* Events come once for each change, so that a socket which nobody can serve now wakes nobody. */
static int watch_socket(const struct vsock *vsock, int socket, uint32_t number)
{
	struct epoll_event event = {
	    .events = EPOLLIN | EPOLLET | (number == LISTENER ? 0 : EPOLLOUT | EPOLLRDHUP),
	    .data.u32 = number,
	};
	return epoll_ctl(vsock->watch, EPOLL_CTL_ADD, socket, &event) ? -errno : 0;
}

int vsock_create(struct vsock **vsock, const struct vsock_host *host, struct error *error)
{
	struct vsock *self = calloc(1, sizeof(*self));
	if (!self)
		return error_set(error, ENOMEM, "no memory for a vsock");
	self->host = host;
	self->next_port = VSOCK_FIRST_PORT;
	self->watch = epoll_create1(EPOLL_CLOEXEC);
	int result = self->watch < 0 ? -errno : 0;
	if (!result && host->listener >= 0)
		result = watch_socket(self, host->listener, LISTENER);
	if (result) {
		vsock_release(self);
		return error_set_errno(error, -result, "cannot watch the sockets of a vsock");
	}
	*vsock = self;
	return 0;
}

void vsock_release(struct vsock *vsock)
{
	if (!vsock)
		return;
	for (size_t i = 0; i < VSOCK_CONNECTIONS_MAX; i++)
		vsock_drop(vsock, &vsock->connections[i]);
	if (vsock->watch >= 0)
		close(vsock->watch);
	free(vsock);
}

struct vsock_connection *vsock_find(struct vsock *vsock, uint32_t host_port, uint32_t guest_port)
{
	for (size_t i = 0; i < VSOCK_CONNECTIONS_MAX; i++) {
		struct vsock_connection *connection = &vsock->connections[i];
		if (connection->phase >= VSOCK_REQUESTED && connection->host_port == host_port &&
		    connection->guest_port == guest_port)
			return connection;
	}
	return NULL;
}

/* A free place for a socket, which is closed where there is none. */
static struct vsock_connection *add(struct vsock *vsock, int socket)
{
	for (uint32_t i = 0; i < VSOCK_CONNECTIONS_MAX; i++) {
		struct vsock_connection *connection = &vsock->connections[i];
		if (connection->phase != VSOCK_FREE)
			continue;
		if (watch_socket(vsock, socket, i))
			break;
		*connection = (struct vsock_connection){
		    .phase = VSOCK_CALLED, .socket = socket, .readable = true, .writable = true};
		return connection;
	}
	close(socket);
	return NULL;
}

struct vsock_connection *vsock_dial(struct vsock *vsock, uint32_t host_port, uint32_t guest_port,
				    uint64_t deadline_ns)
{
	int socket;
	const struct vsock_dialer *dialer = &vsock->host->dialer;
	if (!dialer->dial || dialer->dial(dialer->context, host_port, deadline_ns, &socket))
		return NULL;
	struct vsock_connection *connection = add(vsock, socket);
	if (!connection)
		return NULL;
	connection->phase = VSOCK_ESTABLISHED;
	connection->host_port = host_port;
	connection->guest_port = guest_port;
	connection->to_say = 1U << VSOCK_RESPONSE;
	return connection;
}

void vsock_drop(struct vsock *vsock, struct vsock_connection *connection)
{
	(void)vsock; /* closing the socket ends the watch over it */
	if (connection->phase == VSOCK_FREE)
		return;
	close(connection->socket);
	free(connection->waiting);
	*connection = (struct vsock_connection){.phase = VSOCK_FREE};
}

void vsock_drop_all(struct vsock *vsock)
{
	for (size_t i = 0; i < VSOCK_CONNECTIONS_MAX; i++)
		vsock_drop(vsock, &vsock->connections[i]);
	vsock->reset_count = 0;
	memset(vsock->resets, 0, sizeof(vsock->resets));
	vsock->next_port = VSOCK_FIRST_PORT;
	vsock->next_turn = 0;
	/* It is told once that somebody waits there, so who does is looked for anyhow. */
	vsock->is_called = vsock->host->listener >= 0;
}

void vsock_reset(struct vsock *vsock, struct vsock_connection *connection)
{
	const bool known = connection->phase != VSOCK_CALLED;
	const uint32_t host_port = connection->host_port, guest_port = connection->guest_port;
	vsock_drop(vsock, connection);
	if (known)
		vsock_refuse(vsock, host_port, guest_port);
}

bool vsock_can_refuse(const struct vsock *vsock)
{
	return vsock->reset_count < VSOCK_REFUSALS_MAX;
}

void vsock_refuse(struct vsock *vsock, uint32_t host_port, uint32_t guest_port)
{
	if (vsock->reset_count < ARRAY_SIZE(vsock->resets))
		vsock->resets[vsock->reset_count++] = (struct vsock_reset){host_port, guest_port};
}

/* ── callers ─────────────────────────────────────────────────────────────────────────────────── */

static void accept_callers(struct vsock *vsock)
{
	for (int i = 0; i < CALLERS_MAX && vsock->is_called; i++) {
		const int socket =
		    accept4(vsock->host->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (socket < 0)
			vsock->is_called = false;
		else
			add(vsock, socket);
	}
}

static bool parse_port(const char *text, uint32_t *port)
{
	char *end;
	errno = 0;
	const unsigned long value = strtoul(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || value > UINT32_MAX)
		return false;
	*port = (uint32_t)value;
	return true;
}

/* The ports are the host's to choose; one that is in use with that port of the guest is not. */
static uint32_t choose_port(struct vsock *vsock, uint32_t guest_port)
{
	uint32_t port;
	do {
		port = vsock->next_port++;
		if (vsock->next_port < VSOCK_FIRST_PORT)
			vsock->next_port = VSOCK_FIRST_PORT;
	} while (vsock_find(vsock, port, guest_port));
	return port;
}

/* The line is complete. */
static bool take_call(struct vsock *vsock, struct vsock_connection *connection)
{
	uint32_t port;
	connection->line[connection->line_length] = 0;
	if (strncmp(connection->line, WORD, sizeof(WORD) - 1) != 0 ||
	    !parse_port(connection->line + sizeof(WORD) - 1, &port))
		return false;
	connection->host_port = choose_port(vsock, port);
	connection->guest_port = port;
	connection->phase = VSOCK_REQUESTED;
	connection->to_say = 1U << VSOCK_REQUEST;
	return true;
}

/* Reads a caller's line, one byte after the other: what follows it is the guest's. */
static void hear_caller(struct vsock *vsock, struct vsock_connection *connection)
{
	while (connection->readable && connection->phase == VSOCK_CALLED) {
		char byte;
		const ssize_t got = recv(connection->socket, &byte, 1, MSG_DONTWAIT);
		if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
			connection->readable = errno == EINTR;
			continue;
		}
		if (got == 1 && byte != '\n' &&
		    connection->line_length < sizeof(connection->line) - 1) {
			connection->line[connection->line_length++] = byte;
			continue;
		}
		if (got != 1 || byte != '\n' || !take_call(vsock, connection))
			vsock_drop(vsock, connection);
	}
}

void vsock_answer(struct vsock *vsock, struct vsock_connection *connection)
{
	char line[24];
	const int length = snprintf(line, sizeof(line), "OK %u\n", connection->host_port);
	connection->phase = VSOCK_ESTABLISHED;
	/* A socket that was never written to has room for that. */
	if (send(connection->socket, line, (size_t)length, MSG_DONTWAIT | MSG_NOSIGNAL) != length)
		vsock_reset(vsock, connection);
}

/* ── data ────────────────────────────────────────────────────────────────────────────────────── */

static uint32_t waiting(const struct vsock_connection *connection)
{
	return connection->received - connection->forwarded;
}

uint32_t vsock_room(const struct vsock_connection *connection)
{
	return VSOCK_ROOM - waiting(connection);
}

uint32_t vsock_credit(const struct vsock_connection *connection)
{
	const uint32_t under_way = connection->sent - connection->guest_forwarded;
	return under_way < connection->guest_room ? connection->guest_room - under_way : 0;
}

/* The places of `length` bytes of the ring from `from` on. */
static void find_places(const struct vsock_connection *connection, uint32_t from, uint32_t length,
			struct iovec places[2])
{
	const uint32_t begin = from % VSOCK_ROOM;
	const uint32_t first = length < VSOCK_ROOM - begin ? length : VSOCK_ROOM - begin;
	places[0] = (struct iovec){connection->waiting + begin, first};
	places[1] = (struct iovec){connection->waiting, length - first};
}

bool vsock_keep(struct vsock_connection *connection, uint32_t length, struct iovec places[2])
{
	if (!connection->waiting)
		connection->waiting = malloc(VSOCK_ROOM);
	if (!connection->waiting)
		return false;
	find_places(connection, connection->received, length, places);
	connection->received += length;
	return true;
}

/* False: the connection is over. */
static bool forward(struct vsock *vsock, struct vsock_connection *connection)
{
	while (connection->writable && waiting(connection)) {
		struct iovec places[2];
		find_places(connection, connection->forwarded, waiting(connection), places);
		const ssize_t sent = send(connection->socket, places[0].iov_base, places[0].iov_len,
					  MSG_DONTWAIT | MSG_NOSIGNAL);
		if (sent >= 0) {
			connection->forwarded += (uint32_t)sent;
		} else if (errno == EAGAIN) {
			connection->writable = false;
		} else if (errno != EINTR) {
			vsock_reset(vsock, connection);
			return false;
		}
	}
	return true;
}

/* What the guest has ended, when all that it sent before has gone on. */
static void end_for_guest(struct vsock *vsock, struct vsock_connection *connection)
{
	if (!connection->guest_ended || waiting(connection))
		return;
	if (connection->host_ended || connection->guest_reads_no_more) {
		vsock_reset(vsock, connection);
	} else if (!connection->shut) {
		shutdown(connection->socket, SHUT_WR);
		connection->shut = true;
	}
}

size_t vsock_read(struct vsock *vsock, struct vsock_connection *connection, struct iovec *places,
		  size_t count)
{
	struct msghdr message = {.msg_iov = places, .msg_iovlen = count};
	const ssize_t got = recvmsg(connection->socket, &message, MSG_DONTWAIT);
	(void)vsock;
	if (got > 0)
		return (size_t)got;
	if (got < 0 && errno == EINTR)
		return 0;
	connection->readable = false;
	if (got < 0 && errno == EAGAIN)
		return 0;
	connection->host_ended = true;
	connection->to_say |= 1U << VSOCK_SHUTDOWN;
	return 0;
}

/* ── what becomes of sockets ─────────────────────────────────────────────────────────────────── */

void vsock_watch(struct vsock *vsock)
{
	struct epoll_event events[EVENTS_MAX];
	const int count = epoll_wait(vsock->watch, events, EVENTS_MAX, 0);
	for (int i = 0; i < count; i++) {
		const uint32_t number = events[i].data.u32;
		if (number == LISTENER) {
			vsock->is_called = true;
			continue;
		}
		/* An end, and an error, is found out by reading and writing. */
		struct vsock_connection *connection = &vsock->connections[number];
		connection->readable |= (events[i].events & ~(uint32_t)EPOLLOUT) != 0;
		connection->writable |= (events[i].events & ~(uint32_t)EPOLLIN) != 0;
	}
}

void vsock_work(struct vsock *vsock)
{
	accept_callers(vsock);
	for (size_t i = 0; i < VSOCK_CONNECTIONS_MAX; i++) {
		struct vsock_connection *connection = &vsock->connections[i];
		if (connection->phase == VSOCK_CALLED)
			hear_caller(vsock, connection);
		if (connection->phase == VSOCK_ESTABLISHED && forward(vsock, connection))
			end_for_guest(vsock, connection);
	}
}
