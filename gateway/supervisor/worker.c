/* The HTTP worker's process: started, fed, replaced when it dies. The listening sockets are the supervisor's, so
 * that connections wait in their queue meanwhile. */
#include "supervisor/worker.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "link/fields.h"
#include "supervisor/peer.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/file.h"
#include "util/log.h"
#include "util/paths.h"

#define WORKER "gateway/worker/mayfly-http" /* for paths_part() */

/* One that lives for less has failed; after failures in a row the next one is started later and later. */
#define LIVES_NS     (10 * NANOSECONDS_PER_SECOND)
#define RETRY_MIN_NS (10 * NANOSECONDS_PER_SECOND / 1000)
#define RETRY_MAX_NS (10 * NANOSECONDS_PER_SECOND)

#define PIECE (1UL << 20) /* longer bodies come in pieces of this size */

/* ── what it gets ────────────────────────────────────────────────────────────────────────────── */

static int make_settings(const struct supervisor_settings *settings, int *file, struct error *error)
{
	cleanup_record struct record record = RECORD_EMPTY;
	record_add_number(&record, FIELD_BODY_LIMIT, settings->body_limit);
	record_add_number(&record, FIELD_PIECE, PIECE);
	record_add_number(&record, FIELD_CONNECTIONS, settings->connections);
	record_add_number(&record, FIELD_CONNECTIONS_EACH, settings->connections_each);
	record_add_text(&record, FIELD_SERVER_NAME, settings->server_name);
	record_add_text(&record, FIELD_CERTIFICATE, settings->certificate);
	record_add_text(&record, FIELD_KEY, settings->key);
	if (record.result)
		return error_set(error, ENOMEM, "no memory for the HTTP worker's settings");
	cleanup_close int fd = memfd_create("mayfly-settings", MFD_CLOEXEC);
	int result = fd < 0 ? -errno : file_write_all(fd, record.data, record.length);
	if (result)
		return error_set_errno(error, -result, "cannot write the HTTP worker's settings");
	*file = take_fd(&fd);
	return 0;
}

struct parts {
	int socket, other; /* the link: ours and its */
	int arena_file, other_arena_file, settings;
	struct arena *arena;
	struct arena_view view;
};

static void release_parts(struct parts *parts)
{
	const int files[] = {parts->socket, parts->other, parts->arena_file,
			     parts->other_arena_file, parts->settings};
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		if (files[i] >= 0)
			close(files[i]);
	arena_close(parts->arena);
	arena_view_close(&parts->view);
}

static int make_parts(struct parts *parts, const struct supervisor_settings *settings,
		      struct error *error)
{
	int pair[2];
	*parts = (struct parts){-1, -1, -1, -1, -1, NULL, {NULL, 0}};
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return error_set_errno(error, errno, "cannot make a link");
	parts->socket = pair[0];
	parts->other = pair[1];
	struct arena *its = NULL;
	int result = make_settings(settings, &parts->settings, error);
	if (!result)
		result = arena_create(&parts->arena, settings->arena, &parts->arena_file, error);
	/* The worker keeps the books of its own arena; here it is only looked at. */
	if (!result)
		result = arena_create(&its, settings->arena, &parts->other_arena_file, error);
	arena_close(its);
	if (!result)
		result = arena_view_open(&parts->view, parts->other_arena_file, error);
	return result;
}

static int spawn_worker(struct supervisor *self, const struct parts *parts, struct error *error)
{
	char path[PATH_MAX];
	int result = paths_part(path, sizeof(path), WORKER, error);
	if (result)
		return result;
	const struct supervisor_settings *settings = self->settings;
	const int descriptors[LINK_DESCRIPTORS] = {
	    [STDIN_FILENO] = SPAWN_NULL,
	    [STDOUT_FILENO] = SPAWN_NULL,
	    [STDERR_FILENO] = STDERR_FILENO,
	    [LINK_SOCKET] = parts->other,
	    [LINK_OWN_ARENA] = parts->other_arena_file,
	    [LINK_OTHER_ARENA] = parts->arena_file,
	    [LINK_SETTINGS] = parts->settings,
	    [LINK_LISTEN] = settings->listen,
	    [LINK_LISTEN_METRICS] =
		settings->listen_metrics >= 0 ? settings->listen_metrics : SPAWN_NULL,
	    [LINK_ACCESS_LOG] = settings->access_log >= 0 ? settings->access_log : SPAWN_NULL,
	};
	const char *const arguments[] = {"mayfly-http", NULL};
	const char *const environment[] = {NULL};
	const struct spawn spawn = {
	    .program = path,
	    .arguments = arguments,
	    .environment = environment,
	    .descriptors = descriptors,
	    .descriptor_count = LINK_DESCRIPTORS,
	    .kind = SPAWN_SERVER_GROUP,
	};
	result = spawn_start(&spawn, &self->worker);
	return result ? error_set_errno(error, -result, "cannot start %s", path) : 0;
}

/* ── its life ────────────────────────────────────────────────────────────────────────────────── */

static void forget(struct supervisor *self)
{
	event_loop_unwatch(self->loop, self->worker_watch);
	self->worker_watch = NULL;
	if (self->peer) {
		peer_lose(self->peer);
		peer_release(self->peer);
		self->peer = NULL;
	}
}

static void describe_end(int status, char *text, size_t size)
{
	if (WIFSIGNALED(status))
		snprintf(text, size, "signal %d", WTERMSIG(status));
	else
		snprintf(text, size, "status %d", WEXITSTATUS(status));
}

/* Its process has ended. */
static void hear_end(void *context, uint32_t events)
{
	struct supervisor *self = context;
	char text[32];
	int status = 0;
	spawn_wait(&self->worker, UINT64_MAX, &status);
	describe_end(status, text, sizeof(text));
	forget(self);
	if (self->stopping)
		return;
	const uint64_t now_ns = clock_now_ns();
	self->worker_deaths++;
	if (now_ns - self->worker_started_ns > LIVES_NS)
		self->worker_failures = 0;
	uint64_t pause_ns = self->worker_failures ? RETRY_MIN_NS << self->worker_failures : 0;
	if (pause_ns > RETRY_MAX_NS)
		pause_ns = RETRY_MAX_NS;
	if (self->worker_failures < 16)
		self->worker_failures++;
	log_warn("the HTTP worker ended (%s); the next one is started", text);
	self->worker_retry_ns = now_ns + pause_ns;
	if (!pause_ns)
		worker_tick(self, now_ns);
}

/* A worker can shut down the sockets that it shares with the next one. */
static void listen_again(const struct supervisor_settings *settings)
{
	listen(settings->listen, SOMAXCONN);
	if (settings->listen_metrics >= 0)
		listen(settings->listen_metrics, SOMAXCONN);
}

int worker_start(struct supervisor *self, struct error *error)
{
	struct parts parts;
	listen_again(self->settings);
	int result = make_parts(&parts, self->settings, error);
	if (!result)
		result = spawn_worker(self, &parts, error);
	if (!result) {
		result = event_loop_watch(self->loop, self->worker.pidfd, EPOLLIN, hear_end, self,
					  &self->worker_watch, error);
		if (!result)
			result = peer_open(&self->peer, self, parts.socket, parts.arena, parts.view,
					   error);
		if (result) {
			event_loop_unwatch(self->loop, self->worker_watch);
			self->worker_watch = NULL;
			spawn_kill(&self->worker);
		}
	}
	if (!result) { /* the peer's now */
		parts.socket = -1;
		parts.arena = NULL;
		parts.view = (struct arena_view){0};
		self->worker_started_ns = clock_now_ns();
		self->worker_retry_ns = 0;
	}
	release_parts(&parts);
	return result;
}

void worker_tick(struct supervisor *self, uint64_t now_ns)
{
	struct error error;
	if (self->peer)
		peer_tick(self->peer, now_ns);
	if (self->stopping || !self->worker_retry_ns || now_ns < self->worker_retry_ns)
		return;
	if (worker_start(self, &error)) {
		log_error("%s", error.text);
		self->worker_retry_ns = now_ns + NANOSECONDS_PER_SECOND;
	}
}

void worker_quit(struct supervisor *self)
{
	struct link_message message = {.kind = LINK_QUIT};
	if (self->peer)
		peer_send(self->peer, &message);
}

void worker_kill(struct supervisor *self)
{
	/* hear_end() does the rest. */
	if (self->worker_watch)
		spawn_signal(&self->worker, SIGKILL);
	if (self->peer)
		peer_lose(self->peer);
}
