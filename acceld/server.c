/* The connections of an accelerator host; see server.h. */
#include "server.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "connection.h"
#include "launch.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/descriptors.h"
#include "util/lock.h"
#include "util/log.h"

/* Enough for an engine's ordinary recursion; only what is touched costs memory. */
#define THREAD_STACK_SIZE (2UL << 20)

/* Connections beyond the limit that are told so; further ones are just closed. */
#define REFUSALS_MAX 64

/* Descriptors that plugins, models and the server itself may need. */
#define OTHER_DESCRIPTORS 192UL

/* Who has just hung up is still being released when the next one comes in its place. */
#define ROOM_LIMIT_NS (200 * 1000000UL)

#define ACCEPT_PAUSE_NS (50 * 1000000L)

/* Each connection holds one descriptor, and one more while it says hello. */
static void make_room_for_connections(struct server_options *options)
{
	uint64_t limit = descriptors_raise_limit();
	uint64_t usable = limit > 2 * OTHER_DESCRIPTORS ? limit - OTHER_DESCRIPTORS : limit / 2;
	if (options->connections_max > usable) {
		log_warn("at most %u connections instead of %u: the limit of open files is %llu",
			 (unsigned)usable, options->connections_max, (unsigned long long)limit);
		options->connections_max = (unsigned)usable;
	}
}

int server_open(struct server *server, const struct server_options *options, struct error *error)
{
	*server = (struct server){.options = *options};
	atomic_init(&server->memory.left, options->memory);
	make_room_for_connections(&server->options);
	server->empty = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (server->empty < 0)
		return error_set_errno(error, errno, "cannot make an eventfd");
	pthread_mutex_init(&server->mutex, NULL);
	pthread_cond_init(&server->room, NULL);
	return 0;
}

/* In the list under the mutex, so that server_close() can never shut down a socket whose number
 * has been given to something else. */
static void enlist(struct server *server, struct connection *connection)
{
	lock_scoped(&server->mutex);
	connection->next = server->connections;
	if (connection->next)
		connection->next->previous = connection;
	server->connections = connection;
	server->connection_count++;
}

/* Frees the connection. The server may be gone when this returns. */
static void delist(struct connection *connection)
{
	struct server *server = connection->server;
	pthread_mutex_lock(&server->mutex);
	if (connection->previous)
		connection->previous->next = connection->next;
	else
		server->connections = connection->next;
	if (connection->next)
		connection->next->previous = connection->previous;
	close(connection->socket);
	if (connection->admitted) {
		server->admitted_count--;
		pthread_cond_signal(&server->room);
	}
	if (!--server->connection_count)
		eventfd_write(server->empty, 1);
	pthread_mutex_unlock(&server->mutex);
	free(connection);
}

bool server_admit(struct connection *connection)
{
	struct server *server = connection->server;
	const struct timespec until = clock_timespec(clock_now_ns() + ROOM_LIMIT_NS);
	int waited = 0;
	lock_scoped(&server->mutex);
	while (server->admitted_count >= server->options.connections_max && !waited)
		waited =
		    pthread_cond_clockwait(&server->room, &server->mutex, CLOCK_MONOTONIC, &until);
	connection->admitted = server->admitted_count < server->options.connections_max;
	server->admitted_count += connection->admitted;
	return connection->admitted;
}

static void *connection_thread(void *argument)
{
	struct connection *connection = argument;
	connection_serve(connection);
	delist(connection);
	return NULL;
}

static int start_thread(struct connection *connection)
{
	pthread_attr_t attributes;
	int result = pthread_attr_init(&attributes);
	if (result)
		return result;
	pthread_t thread;
	if (!(result = pthread_attr_setstacksize(&attributes, THREAD_STACK_SIZE)) &&
	    !(result = pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED)))
		result = pthread_create(&thread, &attributes, connection_thread, connection);
	pthread_attr_destroy(&attributes);
	return result;
}

static unsigned count_connections(struct server *server)
{
	lock_scoped(&server->mutex);
	return server->connection_count;
}

static void accept_connection(struct server *server)
{
	cleanup_close int peer = accept4(server->options.listener, NULL, NULL, SOCK_CLOEXEC);
	if (peer < 0) {
		/* Out of descriptors or memory: the queue stays readable, so do not spin on it. */
		if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
			log_warn("cannot accept a connection: %s", strerror(errno));
			nanosleep(&(struct timespec){.tv_nsec = ACCEPT_PAUSE_NS}, NULL);
		}
		return;
	}
	if (count_connections(server) >= server->options.connections_max + REFUSALS_MAX)
		return;
	struct connection *connection = calloc(1, sizeof(*connection));
	if (!connection)
		return;
	connection->server = server;
	connection->socket = take_fd(&peer);
	enlist(server, connection);
	int result = start_thread(connection);
	if (result) {
		log_warn("cannot start a thread for a connection: %s", strerror(result));
		delist(connection);
	}
}

/* How often the log is looked at while somebody is connected. */
#define LOG_LOOK_MS 1000

/* How long poll() may wait: for ever while somebody is connected, but for the log. */
static int poll_timeout_ms(struct server *server, uint64_t idle_since_ns)
{
	if (!server->options.idle_ns || count_connections(server))
		return server->options.log >= 0 ? LOG_LOOK_MS : -1;
	uint64_t idle_ns = clock_now_ns() - idle_since_ns;
	if (idle_ns >= server->options.idle_ns)
		return 0;
	uint64_t left_ms = (server->options.idle_ns - idle_ns) / 1000000 + 1;
	return left_ms > INT_MAX ? INT_MAX : (int)left_ms;
}

int server_run(struct server *server, int signals, struct error *error)
{
	uint64_t idle_since_ns = clock_now_ns();
	for (;;) {
		struct pollfd events[] = {
		    {.fd = server->options.listener, .events = POLLIN},
		    {.fd = server->empty, .events = POLLIN},
		    {.fd = signals, .events = POLLIN},
		};
		int timeout_ms = poll_timeout_ms(server, idle_since_ns);
		int ready = poll(events, sizeof(events) / sizeof(events[0]), timeout_ms);
		if (ready < 0 && errno != EINTR)
			return error_set_errno(error, errno, "cannot wait for connections");
		if (ready < 0)
			continue;
		if (server->options.log >= 0)
			launch_trim_log(server->options.log);
		if (events[2].revents) {
			struct signalfd_siginfo signal;
			ssize_t length = read(signals, &signal, sizeof(signal));
			log_info("ending on signal %u", length > 0 ? signal.ssi_signo : 0);
			return 0;
		}
		if (events[0].revents)
			accept_connection(server);
		if (events[1].revents) {
			eventfd_t count;
			eventfd_read(server->empty, &count);
			idle_since_ns = clock_now_ns();
		}
		if (!ready && !timeout_ms) {
			log_info(
			    "ending: no connection for %llu s",
			    (unsigned long long)(server->options.idle_ns / NANOSECONDS_PER_SECOND));
			return 0;
		}
	}
}

bool server_close(struct server *server, uint64_t patience_ns)
{
	close(server->options.listener);
	pthread_mutex_lock(&server->mutex);
	for (struct connection *each = server->connections; each; each = each->next)
		shutdown(each->socket, SHUT_RDWR);
	pthread_mutex_unlock(&server->mutex);
	uint64_t deadline_ns = clock_now_ns() + patience_ns;
	while (count_connections(server)) {
		uint64_t now_ns = clock_now_ns();
		if (now_ns >= deadline_ns)
			return false;
		struct pollfd event = {.fd = server->empty, .events = POLLIN};
		poll(&event, 1, (int)((deadline_ns - now_ns) / 1000000 + 1));
		eventfd_t count;
		eventfd_read(server->empty, &count);
	}
	close(server->empty);
	pthread_cond_destroy(&server->room);
	pthread_mutex_destroy(&server->mutex);
	return true;
}
