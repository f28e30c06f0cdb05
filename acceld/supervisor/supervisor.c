/* The supervisor of an accelerator host's workers; see supervisor.h. */
#include "acceld/supervisor/supervisor.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "acceld/common/background.h"
#include "acceld/common/in_flight.h"
#include "acceld/common/rights.h"
#include "acceld/common/signals.h"
#include "acceld/supervisor/children.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/log.h"

/* So many workers in a row that died young, before they had served anything, are enough. The pauses
 * before the last ones, each twice the one before, add up to 3 s: clients wait longer for a host.
 */
#define FAILURES_MAX   7
#define FIRST_PAUSE_MS 100UL

/* Workers are forks and all have the same addresses, which an attacker could find out by crashing
 * one after the other. So few are not enough for that, and the next host has new addresses. */
#define CRASHES_MAX 16

/* How long a worker may take after SIGTERM; it waits for its ops half of that (worker.c). */
#define LEAVE_LIMIT_NS (10 * NANOSECONDS_PER_SECOND)

/* What happens in the directories of sandboxes, and to relays, may be strangers' work. */
#define LOG_LINES_PER_S 20
#define LOG_BURST	200

/* When models are optimised for later hosts: not while this one has its first client. */
#define OPTIMIZER_DELAY_NS (2 * NANOSECONDS_PER_SECOND)

static int open_signals(struct error *error)
{
	static const int wanted[] = {SIGTERM, SIGINT, SIGHUP, SIGCHLD};
	/* SIGCHLD may be ignored since before the start, and then ends of children would not be
	 * noticed. */
	signal(SIGCHLD, SIG_DFL);
	signal(SIGPIPE, SIG_IGN);
	return signals_open(wanted, ARRAY_SIZE(wanted), SFD_NONBLOCK, error);
}

/* 0: none is. */
static uint64_t relay_due_ns(const struct supervisor *self)
{
	return self->leave_ns ? 0 : relays_due_ns(&self->tenancy.listeners);
}

/* What the worker says of its start. */
static void hear_worker(struct supervisor *self)
{
	char said[ERROR_TEXT_MAX];
	ssize_t length;
	do
		length = read(self->report, said, sizeof(said) - 1);
	while (length < 0 && errno == EINTR);
	close(take_fd(&self->report));
	if (length <= 0)
		return;
	said[length] = 0;
	self->up = background_said_ready(said);
	if (!self->up) {
		error_set(&self->said, EIO, "%s", said);
		return;
	}
	self->was_up = true;
	/* Not earlier, because nothing should compete with the host's start. */
	if (!self->zygote.start_ns) {
		self->zygote.start_ns = clock_now_ns();
		self->optimizer_ns = self->zygote.start_ns + OPTIMIZER_DELAY_NS;
	}
	background_report(take_fd(&self->ready_fd), NULL);
}

static void describe_end(const struct supervisor *self, int status, struct error *end)
{
	char ops[256];
	in_flight_describe(self->in_flight, ops, sizeof(ops));
	const char *when = self->up ? "between ops" : "while it started";
	if (WIFSIGNALED(status))
		error_set(end, EIO, "was killed by signal %d (%s) %s%s", WTERMSIG(status),
			  strsignal(WTERMSIG(status)), *ops ? "during " : when, ops);
	else if (*self->said.text)
		error_set(end, EIO, "failed: %s", self->said.text);
	else
		error_set(end, EIO, "ended with status %d %s", WEXITSTATUS(status), when);
}

/* Plans the next worker, unless there have been enough. */
static int plan_next(struct supervisor *self, const struct error *end, struct error *error)
{
	bool old = clock_now_ns() - self->start_ns >= YOUNG_NS;
	self->failures = old || in_flight_has_served(self->in_flight) ? 0 : self->failures + 1;
	if (self->failures == FAILURES_MAX)
		return error_set(error, EIO,
				 "%d workers in a row ended before they served anything; the last "
				 "one %s",
				 FAILURES_MAX, end->text);
	if (self->crashes == CRASHES_MAX)
		return error_set(
		    error, EIO,
		    "%d workers crashed, the last one %s; it is for a new host to go on",
		    CRASHES_MAX, end->text);
	uint64_t pause_ms = self->failures < 2 ? 0 : FIRST_PAUSE_MS << (self->failures - 2);
	if (pause_ms)
		log_error("the worker %s; another one starts in %lu ms", end->text, pause_ms);
	else
		log_error("the worker %s; another one starts at once", end->text);
	self->start_ns = clock_now_ns() + pause_ms * (NANOSECONDS_PER_SECOND / 1000);
	return COURSE_ON;
}

static int judge_end(struct supervisor *self, int status, struct error *error)
{
	struct error end;
	if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS && self->up)
		return COURSE_OVER;
	if (self->killed) {
		log_warn("the worker did not end in time, and was killed");
		return COURSE_OVER;
	}
	/* Whoever started this host waits for this report only. */
	if (!self->was_up && *self->said.text)
		return error_set(error, EIO, "%s", self->said.text);
	describe_end(self, status, &end);
	self->crashes += WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL;
	children_dismiss_zygote(self);
	if (self->was_up && !self->leave_ns)
		return plan_next(self, &end, error);
	return error_set(error, EIO, "the accelerator host's worker %s", end.text);
}

static int reap_worker(struct supervisor *self, struct error *error)
{
	int status;
	pid_t pid = self->worker ? waitpid(self->worker, &status, WNOHANG) : 0;
	if (pid < 0 && errno != EINTR)
		return error_set_errno(error, errno, "cannot wait for the worker");
	if (pid <= 0)
		return COURSE_ON;
	if (self->report >= 0)
		hear_worker(self);
	self->worker = 0;
	return judge_end(self, status, error);
}

/* The name is given up at once, whatever the worker still has to do. */
static void leave(struct supervisor *self, unsigned signal_number)
{
	log_info("ending on signal %u", signal_number);
	listener_set_remove_own(&self->tenancy.listeners);
	listener_close(&self->listener);
	if (self->worker)
		kill(self->worker, SIGTERM);
	self->leave_ns = clock_now_ns() + LEAVE_LIMIT_NS;
}

/* Whoever serves is not disturbed by a mistake in the file. */
static void reload(struct supervisor *self)
{
	struct error error = {0};
	if (tenancy_load(&self->tenancy, &error))
		log_error("the configuration stays as it was: %s", error.text);
	else
		log_tell("the configuration has been read again");
}

static void take_signal(struct supervisor *self, unsigned number)
{
	if (number == SIGCHLD || self->leave_ns)
		return;
	if (number == SIGHUP && tenancy_is_wanted(&self->tenancy.options))
		reload(self);
	else
		leave(self, number);
}

static int take_signals(struct supervisor *self, struct error *error)
{
	struct signalfd_siginfo got;
	while (read(self->signals, &got, sizeof(got)) == (ssize_t)sizeof(got))
		take_signal(self, got.ssi_signo);
	relays_reap(&self->tenancy.listeners);
	children_reap_zygote(self);
	children_reap_optimizer(self);
	int result = reap_worker(self, error);
	/* In the pause before the next worker. */
	return result == COURSE_ON && self->leave_ns && !self->worker ? COURSE_OVER : result;
}

/* -1: nothing is planned, so wait for what poll() reports. */
static int timeout_ms(const struct supervisor *self)
{
	uint64_t due_ns = self->worker ? self->leave_ns : self->start_ns;
	if (self->killed)
		return -1;
	if (children_zygote_is_due(self) && (!due_ns || self->zygote.start_ns < due_ns))
		due_ns = self->zygote.start_ns;
	if (children_optimizer_is_due(self) && (!due_ns || self->optimizer_ns < due_ns))
		due_ns = self->optimizer_ns;
	due_ns = clock_earlier(due_ns, relay_due_ns(self));
	due_ns = clock_earlier(due_ns, self->tenancy.sandboxes.scan_ns);
	if (!due_ns)
		return -1;
	uint64_t now_ns = clock_now_ns();
	if (now_ns >= due_ns)
		return 0;
	uint64_t left_ms = (due_ns - now_ns) / 1000000 + 1;
	return left_ms > INT_MAX ? INT_MAX : (int)left_ms;
}

/* Does what timeout_ms() waited for. */
static int do_what_is_due(struct supervisor *self, struct worker_handoff *handoff,
			  struct error *error)
{
	uint64_t now_ns = clock_now_ns();
	if (children_zygote_is_due(self) && now_ns >= self->zygote.start_ns)
		return children_start_zygote(self, handoff);
	if (children_optimizer_is_due(self) && now_ns >= self->optimizer_ns)
		return children_start_optimizer(self, handoff);
	if (self->tenancy.sandboxes.scan_ns && now_ns >= self->tenancy.sandboxes.scan_ns &&
	    !self->leave_ns)
		sandboxes_scan(&self->tenancy.sandboxes);
	uint64_t relay_ns = relay_due_ns(self);
	if (relay_ns && now_ns >= relay_ns)
		return children_start_relay(self, handoff);
	if (self->worker && (!self->leave_ns || now_ns < self->leave_ns))
		return COURSE_ON;
	if (self->worker) {
		kill(self->worker, SIGKILL);
		self->killed = true;
		return COURSE_ON;
	}
	if (now_ns < self->start_ns)
		return COURSE_ON;
	struct error end = {0};
	int result = children_start_worker(self, handoff, &end);
	if (result >= 0)
		return result;
	error_wrap(&end, "could not be started");
	if (self->was_up)
		return plan_next(self, &end, error);
	return error_set(error, end.code, "the accelerator host's worker %s", end.text);
}

static int supervise(struct supervisor *self, struct worker_handoff *handoff, struct error *error)
{
	int course = COURSE_ON;
	struct tenancy *tenancy = &self->tenancy;
	while (course == COURSE_ON) {
		bool tells = listener_set_has_to_tell(&tenancy->listeners);
		struct pollfd events[] = {
		    {.fd = self->report, .events = POLLIN}, /* none where that is -1 */
		    {.fd = self->signals, .events = POLLIN},
		    {.fd = tells ? tenancy->listeners.control : -1, .events = POLLOUT},
		    {.fd = self->leave_ns ? -1 : tenancy->sandboxes.inotify, .events = POLLIN},
		};
		int timeout = timeout_ms(self);
		int ready = poll(events, ARRAY_SIZE(events), timeout);
		if (ready < 0 && errno != EINTR)
			return error_set_errno(error, errno, "cannot wait for the worker");
		if (ready > 0 && events[0].revents)
			hear_worker(self);
		if (ready > 0 && events[2].revents)
			listener_set_tell(&tenancy->listeners);
		if (ready > 0 && events[3].revents)
			sandboxes_hear(&tenancy->sandboxes);
		if (ready > 0 && events[1].revents)
			course = take_signals(self, error);
		/* Also while there is always something: what is due must not wait for quiet. */
		if (course == COURSE_ON && (!ready || !timeout_ms(self)))
			course = do_what_is_due(self, handoff, error);
	}
	return course;
}

static int prepare(struct supervisor *self, const struct supervisor_options *options,
		   struct error *error)
{
	struct confine_report rights = {0};
	self->signals = open_signals(error);
	if (self->signals < 0)
		return self->signals;
	int result = listener_open(&self->listener, options->socket_path, error);
	if (result)
		return result;
	listener_describe(&self->listener, options->description);
	if (listener_set_add_own(&self->tenancy.listeners, self->listener.socket))
		return error_set(error, ENOMEM, "no memory for the list of listeners");
	self->in_flight = in_flight_new(error);
	if (!self->in_flight)
		return -ENOMEM;
	self->start_ns = clock_now_ns();
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, self->zygote.orders))
		return error_set_errno(error, errno, "cannot make sockets for a zygote");
	bool listens = tenancy_is_wanted(&options->tenancy);
	result = acceld_give_up_rights(listens ? ACCELD_SUPERVISOR_LISTENING : ACCELD_SUPERVISOR,
				       options->socket_path, &rights, error);
	/* With the rights that it will have when it reads the file again. */
	return result ? result : tenancy_load(&self->tenancy, error);
}

/* Tells the launcher, if it still waits. If another host serves already, that counts as a good
 * start. */
static void report_end(struct supervisor *self, int result, const struct error *error)
{
	if (result < 0)
		background_report(take_fd(&self->ready_fd), result == -EADDRINUSE ? NULL : error);
	else if (self->ready_fd >= 0)
		close(take_fd(&self->ready_fd));
}

int supervisor_run(const struct supervisor_options *options, struct worker_handoff *handoff,
		   struct error *error)
{
	struct supervisor self = {
	    .listener = {.lock = -1, .socket = -1},
	    .ready_fd = options->ready_fd,
	    .signals = -1,
	    .report = -1,
	    .zygote.orders = {-1, -1},
	};
	tenancy_init(&self.tenancy, &options->tenancy);
	log_set_rate(LOG_LINES_PER_S, LOG_BURST);
	prctl(PR_SET_NAME, "mayfly-acceld"); /* "exe", where it was started as /proc/self/exe */
	int result = prepare(&self, options, error);
	if (!result)
		result = supervise(&self, handoff, error);
	/* With all that self had. */
	if (result == COURSE_FORKED)
		return SUPERVISOR_FORKED_WORKER;
	if (result == COURSE_FORKED_ZYGOTE)
		return SUPERVISOR_FORKED_ZYGOTE;
	if (result == COURSE_FORKED_OPTIMIZER)
		return SUPERVISOR_FORKED_OPTIMIZER;
	if (result == COURSE_FORKED_RELAY)
		return SUPERVISOR_FORKED_RELAY;
	tenancy_release(&self.tenancy);
	listener_close(&self.listener);
	if (self.worker) {
		kill(self.worker, SIGKILL);
		waitpid(self.worker, NULL, 0);
	}
	if (self.optimizer) {
		kill(self.optimizer, SIGKILL);
		waitpid(self.optimizer, NULL, 0);
	}
	if (self.zygote.pid) {
		kill(self.zygote.pid, SIGKILL);
		waitpid(self.zygote.pid, NULL, 0);
	}
	for (size_t i = 0; i < 2; i++)
		if (self.zygote.orders[i] >= 0)
			close(self.zygote.orders[i]);
	report_end(&self, result, error);
	if (self.report >= 0)
		close(self.report);
	if (self.signals >= 0)
		close(self.signals);
	in_flight_delete(self.in_flight);
	return result < 0 ? result : 0;
}
