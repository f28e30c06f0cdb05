#include "gateway.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "calls/calls.h"
#include "calls/schedules.h"
#include "calls/spans.h"
#include "commands/commands.h"
#include "commands/deployments.h"
#include "commands/invocation.h"
#include "supervisor/logs.h"
#include "supervisor/worker.h"
#include "trimming.h"
#include "util/clock.h"
#include "util/descriptors.h"
#include "util/file.h"
#include "util/hash.h"
#include "util/log.h"

/* How long requests have at the end. */
#define END_NS (30 * NANOSECONDS_PER_SECOND)

/* From this share of the last ten seconds on that something waited for memory, memory is short. */
#define PRESSURE_PERCENT 10.0

/* ── the end ─────────────────────────────────────────────────────────────────────────────────── */

/* The worker answers what it has; when it has gone, functions end; then the loop. */
static void begin_end(struct supervisor *self)
{
	if (self->stopping)
		return;
	self->stopping = true;
	worker_quit(self);
	deployments_end(self);
	if (!self->revisions && !self->worker_watch)
		event_loop_stop(self->loop);
}

struct signals {
	struct supervisor *supervisor;
	int fd;
	struct event_loop_watch *watch;
	uint64_t first_ns; /* when the end began; 0: not yet */
};

static void hear_signal(void *context, uint32_t events)
{
	struct signals *self = context;
	struct signalfd_siginfo info;
	if (read(self->fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (self->first_ns) { /* somebody is impatient */
		event_loop_stop(self->supervisor->loop);
		return;
	}
	self->first_ns = clock_now_ns();
	begin_end(self->supervisor);
}

static int open_signals(struct signals *self, struct error *error)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	if (pthread_sigmask(SIG_BLOCK, &set, NULL))
		return error_set(error, EINVAL, "cannot block signals");
	signal(SIGPIPE, SIG_IGN);
	self->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (self->fd < 0)
		return error_set_errno(error, errno, "cannot wait for signals");
	return event_loop_watch(self->supervisor->loop, self->fd, EPOLLIN, hear_signal, self,
				&self->watch, error);
}

/* ── once a second ───────────────────────────────────────────────────────────────────────────── */

/* /proc/pressure/memory: "some avg10=0.00 …". Kernels without it never press. */
static bool is_memory_short(void)
{
	char *text = NULL;
	double percent = 0;
	if (file_read_generated("/proc/pressure/memory", &text, NULL))
		return false;
	const bool read = sscanf(text, "some avg10=%lf", &percent) == 1;
	free(text);
	return read && percent >= PRESSURE_PERCENT;
}

struct ticking {
	struct supervisor *supervisor;
	struct signals *signals;
};

static void tick(void *context, uint64_t now_ns)
{
	struct ticking *ticking = context;
	struct supervisor *self = ticking->supervisor;
	self->pressed = is_memory_short();
	worker_tick(self, now_ns);
	if (!self->stopping) {
		deployments_tick(self, now_ns);
		trimming_tick(self, now_ns);
	}
	calls_tick(self, now_ns);
	calls_post_spans(self);
	if (!self->stopping)
		schedules_tick(self);
	if (!self->stopping)
		return;
	if ((!self->revisions && !self->worker_watch) ||
	    now_ns - ticking->signals->first_ns > END_NS)
		event_loop_stop(self->loop);
}

static const struct call_handler handler = {
    .invoke = invocation_begin,
    .command = command_begin,
    .body = invocation_body,
    .forget_body = invocation_forget_body,
    .finished = invocation_count,
    .distrust = worker_kill,
};

/* ── the whole ───────────────────────────────────────────────────────────────────────────────── */

static int open_parts(struct supervisor *self, struct error *error)
{
	const struct supervisor_settings *settings = self->settings;
	int result = store_open(&self->store, settings->state, error);
	if (!result)
		store_keep_free(self->store, settings->disk_reserve);
	if (!result)
		result = images_open(&self->images, settings->state, &settings->images, error);
	if (!result)
		result = background_open(&self->background, self->loop, error);
	if (!result)
		result = logs_create(&self->logs, self->loop, error);
	if (!result)
		result = functions_open(&self->functions, error);
	if (!result && settings->password)
		result = hash_bytes(settings->password, strlen(settings->password),
				    self->password_digest, error);
	if (!result && settings->otlp)
		result = spans_open(&self->spans, settings->otlp, error);
	if (!result)
		result = calls_open(self, error);
	if (!result)
		result = deployments_load(self, error);
	return result;
}

static void close_parts(struct supervisor *self)
{
	worker_kill(self);
	if (self->worker_watch)
		spawn_kill(&self->worker);
	calls_stop(self);
	background_close(self->background);
	if (self->loop)
		event_loop_flush(self->loop);
	calls_close(self);
	logs_close(self->logs);
	spans_close(self->spans);
	functions_close(&self->functions);
	event_loop_close(self->loop);
	images_close(self->images);
	store_close(self->store);
}

int gateway_run(const struct supervisor_settings *settings, void (*ready)(void *context),
		void *context, struct error *error)
{
	struct supervisor *self = calloc(1, sizeof(*self));
	if (!self)
		return error_set(error, ENOMEM, "no memory for the gateway");
	self->settings = settings;
	self->handler = &handler;
	self->worker = SPAWN_PROCESS_NONE;
	struct signals signals = {.supervisor = self, .fd = -1};
	struct ticking ticking = {self, &signals};
	/* Each function that runs has some twenty, each connection one. */
	descriptors_raise_limit();
	/* Signals first, so that all threads have them blocked. */
	int result = event_loop_open(&self->loop, error);
	if (!result)
		result = open_signals(&signals, error);
	if (!result)
		result = open_parts(self, error);
	if (!result)
		result = worker_start(self, error);
	if (!result) {
		event_loop_set_tick(self->loop, tick, &ticking);
		ready(context);
		result = event_loop_run(self->loop, error);
	}
	if (self->loop)
		event_loop_unwatch(self->loop, signals.watch);
	close_parts(self);
	if (signals.fd >= 0)
		close(signals.fd);
	free(self);
	return result;
}
