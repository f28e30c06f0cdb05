/* The list of connections, and what is done to one from outside. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "http/server.h"
#include "util/clock.h"
#include "util/lock.h"

/* More than a socket has room for. */
#define FORGET_BYTES (1UL << 20)
#define FORGET_TIMES 16

static void name_client(struct connection *connection)
{
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(connection->mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	const struct sockaddr *address = info ? info->client_addr : NULL;
	const void *bytes = NULL;
	if (address && address->sa_family == AF_INET)
		bytes = &((const struct sockaddr_in *)address)->sin_addr;
	else if (address && address->sa_family == AF_INET6)
		bytes = &((const struct sockaddr_in6 *)address)->sin6_addr;
	if (!bytes ||
	    !inet_ntop(address->sa_family, bytes, connection->client, sizeof(connection->client)))
		snprintf(connection->client, sizeof(connection->client), "unknown");
}

static void open_connection(struct http_server *server, struct MHD_Connection *mhd, void **place)
{
	struct connection *connection = calloc(1, sizeof(*connection));
	*place = connection;
	if (!connection)
		return;
	connection->server = server;
	connection->mhd = mhd;
	connection->fd =
	    MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
	connection->secure = server->secure;
	connection->idle_since_ns = clock_now_ns();
	connection->counted = !server->secure; /* those of a handshake are no request's */
	pthread_mutex_init(&connection->lock, NULL);
	name_client(connection);
	server->accepted++;
	server->current++;

	lock_scoped(&server->lock);
	connection->next = server->connections;
	if (connection->next)
		connection->next->previous = connection;
	server->connections = connection;
}

/* The descriptor is closed when this has returned, so nobody may come by it afterwards. */
static void close_connection(struct http_server *server, struct connection *connection)
{
	if (connection->exchange)
		exchange_end(connection->exchange, false);
	pthread_mutex_lock(&server->lock);
	if (connection->next)
		connection->next->previous = connection->previous;
	if (connection->previous)
		connection->previous->next = connection->next;
	else
		server->connections = connection->next;
	if (server->cursor == connection)
		server->cursor = connection->next;
	pthread_mutex_unlock(&server->lock);
	server->current--;
	pthread_mutex_destroy(&connection->lock);
	free(connection);
}

void connection_notify(void *context, struct MHD_Connection *mhd, void **place,
		       enum MHD_ConnectionNotificationCode code)
{
	((struct http_server *)context)->called_back = true;
	if (code == MHD_CONNECTION_NOTIFY_STARTED)
		open_connection(context, mhd, place);
	else if (*place)
		close_connection(context, *place);
	if (code == MHD_CONNECTION_NOTIFY_CLOSED)
		*place = NULL;
}

void connection_suspend(struct http_exchange *exchange)
{
	exchange->suspended = true;
	MHD_suspend_connection(exchange->connection->mhd);
}

void connection_wake(struct http_exchange *exchange, struct waiting *waiting)
{
	if (!exchange->suspended)
		return;
	exchange->suspended = false;
	*waiting = (struct waiting){exchange->connection->server, exchange->connection->mhd};
}

void connection_resume(struct waiting *waiting)
{
	if (!waiting->mhd)
		return;
	const struct http_settings *settings = &waiting->server->settings;
	MHD_resume_connection(waiting->mhd);
	if (settings->more)
		settings->more(settings->context);
}

/* Whoever is still sending a body may have found no room, and would not be told of any after the end of
 * reading: such a client would wait for minutes. What has come is forgotten, so that there is room: what the
 * client then sends is answered by a reset. With MSG_TRUNC nothing is copied. */
static void make_room(const struct connection *connection)
{
	const struct http_exchange *exchange = connection->exchange;
	if (!exchange || (exchange->phase != PHASE_BODY && exchange->phase != PHASE_LINGER))
		return;
	for (unsigned i = 0; i < FORGET_TIMES; i++)
		if (recv(connection->fd, NULL, FORGET_BYTES, MSG_DONTWAIT | MSG_TRUNC) <= 0)
			break;
}

/* Closing the descriptor is libmicrohttpd's, which might close another one of the same number otherwise. */
void connection_break(struct connection *connection)
{
	make_room(connection);
	shutdown(connection->fd, SHUT_RDWR);
	if (!connection->exchange)
		return;
	connection->exchange->cut = true;
	struct waiting waiting = {NULL, NULL};
	connection_wake(connection->exchange, &waiting);
	connection_resume(&waiting);
}
