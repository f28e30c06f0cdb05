/* The connections of an accelerator host; see server.h. */
#include "acceld/worker/server.h"

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

#include "accel/library/host.h"
#include "acceld/common/background.h"
#include "acceld/worker/connection.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/descriptors.h"
#include "util/lock.h"
#include "util/log.h"

/* Enough for an engine's ordinary recursion; only what is touched costs memory. */
#define THREAD_STACK_SIZE (2UL << 20)

/* Connections beyond the limit that are told so; further ones are just closed. */
#define REFUSALS_MAX 64

/* Descriptors that plugins and the server itself may need. */
#define OTHER_DESCRIPTORS 192UL

/* A connection, and its place among others. */
struct served_connection {
	struct connection connection;
	struct server *server;
	struct served_connection *next, *previous;
	struct served_connection *moving; /* the next one that waits for a thread */
};

#define ACCEPT_PAUSE_NS (50 * 1000000L)

/* Each connection holds one descriptor, and one more while it says hello; each model that a client
 * has sent holds one. Returns how many models there may be. */
static uint64_t share_descriptors(struct server_options *options)
{
	uint64_t limit = descriptors_raise_limit();
	uint64_t models = limit / 4 < TENANT_MODELS_MAX ? limit / 4 : TENANT_MODELS_MAX;
	uint64_t other = OTHER_DESCRIPTORS + models;
	uint64_t usable = limit > 2 * other ? limit - other : limit / 2;
	if (options->connections_max > usable) {
		log_warn("at most %u connections instead of %u: the limit of open files is %llu",
			 (unsigned)usable, options->connections_max, (unsigned long long)limit);
		options->connections_max = (unsigned)usable;
	}
	return models;
}

int server_open(struct server *server, const struct server_options *options, struct error *error)
{
	*server = (struct server){.options = *options};
	uint64_t models = share_descriptors(&server->options);
	cleanup_close int empty = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	cleanup_close int moved = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (empty < 0 || moved < 0)
		return error_set_errno(error, errno, "cannot make an eventfd");
	int result = cancel_watch_open(&server->watch, error);
	if (result)
		return result;
	server->empty = take_fd(&empty);
	server->moved = take_fd(&moved);
	const struct account_limits limits = {
	    .memory = options->memory,
	    .threads = server->options.connections_max + REFUSALS_MAX,
	    .connections = server->options.connections_max,
	    .sessions = HOST_SESSIONS_MAX,
	    .resources = HOST_RESOURCES_MAX,
	    .models = models,
	    .workers = options->tenants_max,
	};
	accounts_init(&server->accounts, &limits);
	listeners_init(&server->listeners, &server->accounts, options->control);
	tenants_init(&server->tenants, options->zygote, options->tenants_max);
	admission_init(&server->admission);
	pthread_mutex_init(&server->mutex, NULL);
	server->connection_options = (struct connection_options){
	    .client = {.plugins = options->plugins,
		       .in_flight = options->in_flight,
		       .statistics = options->statistics,
		       .watch = &server->watch},
	    .tenants = &server->tenants,
	    .admission = &server->admission,
	    .op_limit_ns = options->op_limit_ns,
	};
	return 0;
}

/* In the list under the mutex, so that server_close() can never shut down a socket whose number
 * has been given to something else. */
static void enlist(struct server *server, struct served_connection *served)
{
	lock_scoped(&server->mutex);
	served->next = server->connections;
	if (served->next)
		served->next->previous = served;
	server->connections = served;
	server->connection_count++;
}

/* Frees the connection. The server may be gone when this returns. */
static void delist(struct served_connection *served)
{
	struct server *server = served->server;
	struct connection *connection = &served->connection;
	struct account *account = connection->account;
	pthread_mutex_lock(&server->mutex);
	if (served->previous)
		served->previous->next = served->next;
	else
		server->connections = served->next;
	if (served->next)
		served->next->previous = served->previous;
	close(connection->socket);
	if (connection->admitted)
		admission_leave(&server->admission, account);
	budget_give(&account->parts.threads, 1);
	account_close(&server->accounts, account);
	if (!--server->connection_count)
		eventfd_write(server->empty, 1);
	pthread_mutex_unlock(&server->mutex);
	free(served);
}

/* A thread inherits its priority from the one that makes it, so the first thread, which never
 * yields, makes all of them. False when no more are made. */
static bool ask_for_thread(struct served_connection *served)
{
	struct server *server = served->server;
	lock_scoped(&server->mutex);
	if (server->closing)
		return false;
	served->moving = server->moving;
	server->moving = served;
	eventfd_write(server->moved, 1);
	return true;
}

static struct served_connection *take_moving(struct server *server)
{
	lock_scoped(&server->mutex);
	return take_pointer(server->moving);
}

static void *connection_thread(void *argument)
{
	struct served_connection *served = argument;
	if (!connection_serve(&served->connection) && ask_for_thread(served))
		return NULL;
	connection_end(&served->connection);
	delist(served);
	return NULL;
}

static int start_thread(struct served_connection *served)
{
	pthread_attr_t attributes;
	int result = pthread_attr_init(&attributes);
	if (result)
		return result;
	pthread_t thread;
	if (!(result = pthread_attr_setstacksize(&attributes, THREAD_STACK_SIZE)) &&
	    !(result = pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED)))
		result = pthread_create(&thread, &attributes, connection_thread, served);
	pthread_attr_destroy(&attributes);
	return result;
}

static void start_or_end(struct served_connection *served)
{
	int result = start_thread(served);
	if (!result)
		return;
	log_warn("cannot start a thread for a connection: %s", strerror(result));
	connection_end(&served->connection);
	delist(served);
}

static void move_connections(struct server *server)
{
	eventfd_t count;
	eventfd_read(server->moved, &count);
	for (struct served_connection *next, *each = take_moving(server); each; each = next) {
		next = each->moving;
		start_or_end(each);
	}
}

static unsigned count_connections(struct server *server)
{
	lock_scoped(&server->mutex);
	return server->connection_count;
}

static void release_account(struct server *server, struct account *account)
{
	account_close(&server->accounts, account);
}

/* The arrival's socket is closed where it cannot be served. */
static void serve_arrival(struct server *server, const struct arrival *arrival)
{
	cleanup_close int client = arrival->socket;
	if (!budget_take(&arrival->account->parts.threads, 1)) {
		release_account(server, arrival->account);
		return;
	}
	struct served_connection *served = calloc(1, sizeof(*served));
	if (!served) {
		budget_give(&arrival->account->parts.threads, 1);
		release_account(server, arrival->account);
		return;
	}
	served->server = server;
	served->connection = (struct connection){.options = &server->connection_options,
						 .socket = take_fd(&client),
						 .transport = arrival->transport,
						 .account = arrival->account};
	enlist(server, served);
	start_or_end(served);
}

static bool is_shortage(int result)
{
	return result == -EMFILE || result == -ENFILE || result == -ENOMEM || result == -ENOBUFS;
}

static void take_arrival(struct server *server, struct worker_listener *listener)
{
	struct arrival arrival;
	int result = listeners_take(&server->listeners, listener, &arrival);
	if (!result)
		serve_arrival(server, &arrival);
	if (!is_shortage(result))
		return;
	/* The queue stays readable, so do not spin on it. */
	log_warn("cannot accept a connection: %s", strerror(-result));
	nanosleep(&(struct timespec){.tv_nsec = ACCEPT_PAUSE_NS}, NULL);
}

/* A tenant that is removed takes its connections along. */
static void end_connections_of(void *context, struct account *account)
{
	struct server *server = context;
	lock_scoped(&server->mutex);
	for (struct served_connection *each = server->connections; each; each = each->next)
		if (each->connection.account == account)
			shutdown(each->connection.socket, SHUT_RDWR);
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

/* What server_run() waits for beside clients. */
enum { EVENT_CONTROL, EVENT_EMPTY, EVENT_SIGNALS, EVENT_MOVED, EVENT_LISTENERS };

/* Fills in server->events. Returns how many there are, or -ENOMEM. */
static int fill_events(struct server *server, int signals)
{
	size_t count = EVENT_LISTENERS + server->listeners.count;
	if (count > server->event_room) {
		struct pollfd *more =
		    reallocarray(server->events, 2 * count, sizeof(*server->events));
		if (!more)
			return -ENOMEM;
		server->events = more;
		server->event_room = 2 * count;
	}
	const int fixed[EVENT_LISTENERS] = {server->listeners.control, server->empty, signals,
					    server->moved};
	for (size_t i = 0; i < EVENT_LISTENERS; i++)
		server->events[i] = (struct pollfd){.fd = fixed[i], .events = POLLIN};
	listeners_fill_events(&server->listeners, server->events + EVENT_LISTENERS);
	return (int)count;
}

static void take_arrivals(struct server *server)
{
	const struct pollfd *event = server->events + EVENT_LISTENERS;
	for (struct worker_listener *each = server->listeners.list; each; each = each->next)
		if (event++->revents)
			take_arrival(server, each);
}

/* Serves what has happened. False where a signal says that it is over. */
static bool take_events(struct server *server, int signals, uint64_t *idle_since_ns)
{
	const struct pollfd *events = server->events;
	if (events[EVENT_SIGNALS].revents) {
		struct signalfd_siginfo signal;
		ssize_t length = read(signals, &signal, sizeof(signal));
		log_info("ending on signal %u", length > 0 ? signal.ssi_signo : 0);
		return false;
	}
	if (events[EVENT_MOVED].revents)
		move_connections(server);
	take_arrivals(server);
	/* Last, because it changes what the events belong to. */
	if (events[EVENT_CONTROL].revents)
		listeners_hear(&server->listeners, end_connections_of, server);
	if (events[EVENT_EMPTY].revents) {
		eventfd_t count;
		eventfd_read(server->empty, &count);
		*idle_since_ns = clock_now_ns();
	}
	return true;
}

int server_run(struct server *server, int signals, struct error *error)
{
	uint64_t idle_since_ns = clock_now_ns();
	int result = cancel_watch_start(&server->watch, error);
	if (result)
		return result;
	for (;;) {
		int count = fill_events(server, signals);
		if (count < 0)
			return error_set(error, -count, "no memory for the list of listeners");
		int timeout_ms = poll_timeout_ms(server, idle_since_ns);
		int ready = poll(server->events, (nfds_t)count, timeout_ms);
		if (ready < 0 && errno != EINTR)
			return error_set_errno(error, errno, "cannot wait for connections");
		if (ready < 0)
			continue;
		if (server->options.log >= 0)
			background_trim_log(server->options.log);
		if (!take_events(server, signals, &idle_since_ns))
			return 0;
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
	listeners_close(&server->listeners);
	pthread_mutex_lock(&server->mutex);
	server->closing = true;
	for (struct served_connection *each = server->connections; each; each = each->next)
		shutdown(each->connection.socket, SHUT_RDWR);
	pthread_mutex_unlock(&server->mutex);
	move_connections(server); /* connections that have asked find that the server is closing */
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
	close(server->moved);
	free(server->events);
	pthread_mutex_destroy(&server->mutex);
	cancel_watch_close(&server->watch);
	admission_release(&server->admission);
	tenants_release(&server->tenants);
	accounts_release(&server->accounts);
	return true;
}
