/* Starting, quiescing and stopping. */
#include "http/server.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "util/clock.h"
#include "util/file.h"
#include "util/lock.h"

/* So much memory a connection has, in halves: the head of a request; what libmicrohttpd notes of it, and the
 * head of its response. Up to 32 KiB it comes from malloc(), above from mmap(), which costs each new
 * connection page faults. */
#define MEMORY_MIN   (32 << 10)
#define MEMORY_OTHER (12 << 10)

/* How long http_server_stop() waits for clients to take their responses. */
#define STOP_NS (2 * NANOSECONDS_PER_SECOND)

/* How often one without a thread is looked at while it is stopped. */
#define LOOK_NS (NANOSECONDS_PER_SECOND / 100)

#define SWEEP_MAX_NS NANOSECONDS_PER_SECOND

/* So often a server is run in vain before it waits for the next event, or the sweeper: see is_fruitless(). */
#define FRUITLESS_MAX 256

/* TLS 1.2 and later. */
#define PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:%SERVER_PRECEDENCE"

/* Keeps what libmicrohttpd says while it starts. Later it speaks of clients' mistakes, which are no news. */
static void note_message(void *context, const char *format, va_list values)
    __attribute__((format(printf, 2, 0)));

static void note_message(void *context, const char *format, va_list values)
{
	struct http_server *server = context;
	if (server->start_text[0] || server->started)
		return;
	vsnprintf(server->start_text, sizeof(server->start_text), format, values);
}

/* libmicrohttpd would decode targets. */
static size_t keep_escapes(void *context, struct MHD_Connection *mhd, char *text)
{
	return strlen(text);
}

static int open_epoll(struct http_server *server, struct error *error)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
	const int own = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
	server->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (server->epoll >= 0 && !epoll_ctl(server->epoll, EPOLL_CTL_ADD, own, &event))
		return 0;
	const int code = errno;
	MHD_stop_daemon(server->daemon);
	return error_set_errno(error, code, "cannot watch the HTTP server");
}

static int start_daemon(struct http_server *server, struct error *error)
{
	const struct http_settings *settings = &server->settings;
	struct MHD_OptionItem secure[] = {
	    {MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)settings->certificate},
	    {MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)settings->key},
	    {MHD_OPTION_HTTPS_PRIORITIES, 0, PRIORITIES},
	    {MHD_OPTION_END, 0, NULL},
	};
	unsigned int flags = MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG |
			     (settings->more ? MHD_USE_EPOLL : MHD_USE_EPOLL_INTERNAL_THREAD) |
			     (settings->more ? MHD_ALLOW_UPGRADE : 0) |
			     (server->secure ? MHD_USE_TLS : 0);
	server->daemon = MHD_start_daemon(
	    flags, 0, NULL, NULL, exchange_handle, server, MHD_OPTION_EXTERNAL_LOGGER, note_message,
	    server, MHD_OPTION_LISTEN_SOCKET, settings->listen, MHD_OPTION_CONNECTION_LIMIT,
	    settings->connections, MHD_OPTION_PER_IP_CONNECTION_LIMIT, settings->connections_each,
	    MHD_OPTION_CONNECTION_MEMORY_LIMIT, server->memory, MHD_OPTION_CONNECTION_TIMEOUT, 0u,
	    MHD_OPTION_URI_LOG_CALLBACK, exchange_start, server, MHD_OPTION_NOTIFY_COMPLETED,
	    exchange_finish, server, MHD_OPTION_NOTIFY_CONNECTION, connection_notify, server,
	    MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL, MHD_OPTION_ARRAY,
	    server->secure ? secure : secure + 3, MHD_OPTION_END);
	if (!server->daemon)
		return error_set(error, EINVAL, "cannot serve HTTP: %s",
				 server->start_text[0] ? server->start_text : "out of memory");
	server->started = true;
	return settings->more ? open_epoll(server, error) : 0;
}

static uint64_t sweep_interval(const struct http_settings *settings)
{
	uint64_t least = settings->head_timeout_ns < settings->idle_timeout_ns
			     ? settings->head_timeout_ns
			     : settings->idle_timeout_ns;
	return least / 4 < SWEEP_MAX_NS ? least / 4 + 1 : SWEEP_MAX_NS;
}

static void free_server(struct http_server *server)
{
	if (server->epoll >= 0)
		close(server->epoll);
	pthread_mutex_destroy(&server->lock);
	pthread_cond_destroy(&server->fewer);
	pthread_cond_destroy(&server->sweep);
	free(server);
}

static void end_sweeper(struct http_server *server)
{
	pthread_mutex_lock(&server->lock);
	server->swept = true;
	pthread_cond_signal(&server->sweep);
	pthread_mutex_unlock(&server->lock);
	pthread_join(server->sweeper, NULL);
}

int http_server_start(struct http_server **place, const struct http_settings *settings,
		      struct error *error)
{
	struct http_server *server = calloc(1, sizeof(*server));
	if (!server)
		return error_set(error, ENOMEM, "no memory for an HTTP server");
	server->settings = *settings;
	server->secure = settings->certificate;
	server->epoll = -1;
	server->memory = settings->header_limit * 2 + MEMORY_OTHER;
	if (server->memory < MEMORY_MIN)
		server->memory = MEMORY_MIN;
	server->sweep_interval_ns = sweep_interval(settings);
	pthread_mutex_init(&server->lock, NULL);
	pthread_condattr_t clock;
	pthread_condattr_init(&clock);
	pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	pthread_cond_init(&server->fewer, &clock);
	pthread_cond_init(&server->sweep, &clock);
	pthread_condattr_destroy(&clock);
	int code = pthread_create(&server->sweeper, NULL, sweep_run, server);
	if (code) {
		free_server(server);
		return error_set_errno(error, code, "cannot start a thread");
	}
	*place = server; /* for the first calls of the handler, which come at once */
	int result = start_daemon(server, error);
	if (result) {
		*place = NULL;
		end_sweeper(server);
		free_server(server);
	}
	return result;
}

void http_server_quiesce(struct http_server *server)
{
	if (!atomic_exchange(&server->quiesced, true))
		MHD_quiesce_daemon(server->daemon);
}

int http_server_fd(const struct http_server *server)
{
	return server->epoll;
}

/* libmicrohttpd wants to go on for ever where a chunk's first line is longer than the memory of its
 * connection: with a thread of its own it answers that with 500, but without it does nothing. */
static bool is_fruitless(struct http_server *server)
{
	if (server->called_back)
		server->fruitless = 0;
	else
		server->fruitless++;
	server->called_back = false;
	if (server->fruitless < FRUITLESS_MAX)
		return false;
	server->fruitless = 0;
	server->stalled = true;
	return true;
}

bool http_server_run(struct http_server *server)
{
	MHD_UNSIGNED_LONG_LONG timeout_ms;
	server->runs++;
	MHD_run(server->daemon);
	bool more = MHD_get_timeout(server->daemon, &timeout_ms) == MHD_YES && !timeout_ms;
	more |= tunnels_run(server);
	if (!more)
		server->fruitless = 0;
	return more && !is_fruitless(server);
}

/* Runs the server until no exchange is under way, or until that time. What the sweeper breaks off is seen at
 * the next look. */
static void run_exchanges(struct http_server *server, uint64_t deadline_ns)
{
	while (server->exchanges && clock_now_ns() < deadline_ns)
		if (!http_server_run(server) && server->exchanges)
			file_wait_ready(http_server_fd(server), POLLIN, clock_now_ns() + LOOK_NS);
}

/* Waits until no exchange is under way, or until that time. */
static void await_exchanges(struct http_server *server, uint64_t deadline_ns)
{
	if (server->settings.more) {
		run_exchanges(server, deadline_ns);
		return;
	}
	struct timespec deadline = clock_timespec(deadline_ns);
	lock_scoped(&server->lock);
	while (server->exchanges &&
	       pthread_cond_timedwait(&server->fewer, &server->lock, &deadline) != ETIMEDOUT)
		;
}

static void for_each_connection(struct http_server *server,
				void (*function)(struct connection *connection))
{
	lock_scoped(&server->lock);
	for (struct connection *each = server->connections; each; each = each->next) {
		lock_scoped(&each->lock);
		function(each);
	}
}

static void give_up(struct connection *connection)
{
	if (connection->exchange && connection->exchange->phase == PHASE_SERVING)
		response_give_up(connection->exchange, MHD_HTTP_SERVICE_UNAVAILABLE);
}

/* libmicrohttpd aborts the process where a connection still waits when it is stopped. So first all requests
 * are answered, then nothing may wait any more. */
void http_server_stop(struct http_server *server)
{
	if (!server)
		return;
	http_server_quiesce(server);
	server->stopping = true;
	for_each_connection(server, give_up);
	await_exchanges(server, clock_now_ns() + STOP_NS);

	end_sweeper(server);
	server->cutting = true;
	for_each_connection(server, connection_break);
	await_exchanges(server, UINT64_MAX);
	MHD_stop_daemon(server->daemon);
	free_server(server);
}

void http_server_statistics(const struct http_server *server, struct http_statistics *statistics)
{
	*statistics = (struct http_statistics){.connections = server->current,
					       .accepted = server->accepted,
					       .refused = server->refused,
					       .timed_out = server->timed_out};
}
