#include "worker/process.h"

#include <errno.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "worker/call.h"
#include "worker/handler.h"

static void quiesce(struct worker *worker)
{
	if (worker->main.server)
		http_server_quiesce(worker->main.server);
	if (worker->metrics.server)
		http_server_quiesce(worker->metrics.server);
}

static void quit(struct worker *worker)
{
	worker->living++; /* so that the last call ends nothing before this is done */
	quiesce(worker);
	worker->quitting = true;
	worker_call_ended(worker);
}

static void receive(void *context, const struct link_message *message)
{
	struct worker *worker = context;
	if (message->kind == LINK_QUIT)
		quit(worker);
	else
		handler_receive(worker, message);
}

int process_open(struct worker *worker, struct error *error)
{
	struct stat status;
	worker->has_metrics = !fstat(LINK_LISTEN_METRICS, &status) && S_ISSOCK(status.st_mode);
	worker->main = (struct listener){.worker = worker, .kind = ROUTE_MAIN};
	worker->metrics = (struct listener){.worker = worker, .kind = ROUTE_METRICS};
	call_table_open(&worker->calls);
	access_log_open(&worker->log, LINK_ACCESS_LOG);
	int result = settings_read(&worker->settings, LINK_SETTINGS, error);
	if (!result)
		result = arena_open(&worker->arena, LINK_OWN_ARENA, error);
	if (!result)
		result = arena_view_open(&worker->view, LINK_OTHER_ARENA, error);
	if (!result)
		result = event_loop_open(&worker->loop, error);
	if (!result)
		result = link_port_open(&worker->port, LINK_SOCKET, worker->loop, receive, worker,
					error);
	/* All that is in these has been read or mapped. */
	for (int fd = LINK_OWN_ARENA; fd <= LINK_SETTINGS; fd++)
		close(fd);
	return result;
}

/* What a server does before the supervisor's messages have their turn. */
#define RUNS_AT_ONCE 16

/* By any thread: a server has more to do. */
static void serve_soon(void *context)
{
	struct listener *listener = context;
	if (!atomic_exchange(&listener->posted, true))
		event_loop_post(listener->worker->loop, &listener->post);
}

static void serve(void *context, uint32_t events)
{
	struct listener *listener = context;
	bool more = true;
	for (int i = 0; i < RUNS_AT_ONCE && more; i++)
		more = http_server_run(listener->server);
	if (more)
		serve_soon(listener);
}

static void serve_more(struct event_loop_post *post)
{
	struct listener *listener =
	    (struct listener *)((char *)post - offsetof(struct listener, post));
	atomic_store(&listener->posted, false);
	if (listener->server)
		serve(listener, 0);
}

static int listen_on(struct listener *listener, int socket, bool secure, struct error *error)
{
	const struct settings *settings = &listener->worker->settings;
	const struct http_settings http = {
	    .listen = socket,
	    .certificate = secure ? settings->certificate : NULL,
	    .key = secure ? settings->key : NULL,
	    .header_limit = settings->header_limit,
	    .body_limit = settings->body_limit,
	    .connections = settings->connections,
	    .connections_each = settings->connections_each,
	    .head_timeout_ns = settings->head_timeout_ns,
	    .body_rate = settings->body_rate,
	    .idle_timeout_ns = settings->idle_timeout_ns,
	    .handler = &handler,
	    .context = listener,
	    .more = serve_soon,
	};
	listener->post.call = serve_more;
	int result = http_server_start(&listener->server, &http, error);
	if (!result)
		result = event_loop_watch(listener->worker->loop, http_server_fd(listener->server),
					  EPOLLIN, serve, listener, &listener->watch, error);
	if (!result)
		serve(listener, 0);
	return result;
}

int process_start(struct worker *worker, struct error *error)
{
	int result = listen_on(&worker->main, LINK_LISTEN, true, error);
	if (!result && worker->has_metrics)
		result = listen_on(&worker->metrics, LINK_LISTEN_METRICS, false, error);
	return result;
}

int process_run(struct worker *worker, struct error *error)
{
	return event_loop_run(worker->loop, error);
}

/* The supervisor has died: the next one wants to listen, and not wait for what there is still to answer
 * here. */
static void free_ports(struct worker *worker)
{
	quiesce(worker);
	shutdown(LINK_LISTEN, SHUT_RDWR);
	if (worker->has_metrics)
		shutdown(LINK_LISTEN_METRICS, SHUT_RDWR);
}

static void stop_listening(struct listener *listener)
{
	if (listener->watch)
		event_loop_unwatch(listener->worker->loop, listener->watch);
	http_server_stop(listener->server);
	listener->server = NULL;
}

void process_close(struct worker *worker)
{
	if (!worker->quitting)
		free_ports(worker);
	stop_listening(&worker->main);
	stop_listening(&worker->metrics);
	for (struct call *call; (call = (struct call *)call_table_remove_any(&worker->calls));)
		call_put(call);
	call_table_close(&worker->calls);
	link_port_close(worker->port);
	if (worker->loop)
		event_loop_close(worker->loop);
	arena_view_close(&worker->view);
	arena_close(worker->arena);
	settings_release(&worker->settings);
}
