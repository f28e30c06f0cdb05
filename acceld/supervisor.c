/* The supervisor of an accelerator host's workers; see supervisor.h. */
#include "supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "door.h"
#include "launch.h"
#include "ledger.h"
#include "rights.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/log.h"

/* So many workers in a row that died young, before they had served anything, are enough. The pauses
 * before the last ones, each twice the one before, add up to 3 s: clients wait longer for a host.
 */
#define FAILURES_MAX   7
#define FIRST_PAUSE_MS 100UL
#define YOUNG_NS       (10 * NANOSECONDS_PER_SECOND)

/* A worker is a fork, and has the addresses of the one before: who may crash one after the other
 * can find them out. Not with so few; the next host has new ones. */
#define CRASHES_MAX 16

/* How long a worker may take after SIGTERM; it waits for its ops half of that (worker.c). */
#define LEAVE_LIMIT_NS (10 * NANOSECONDS_PER_SECOND)

struct supervisor {
	struct door door;
	int ready_fd; /* -1: the first worker's start has been reported */
	int signals;
	struct ledger *ledger;
	pid_t worker;	   /* 0: none */
	int report;	   /* of this worker; -1: it has said it all */
	bool up;	   /* this worker has come up */
	bool was_up;	   /* some worker has */
	struct error said; /* why this one could not */
	unsigned failures; /* workers in a row that had not served anything */
	unsigned crashes;  /* workers that were killed, and not by SIGKILL */
	uint64_t start_ns; /* of the worker, or of the next one */
	uint64_t leave_ns; /* it has to have ended by then; 0: it may stay */
	bool killed;
};

static int open_signals(struct error *error)
{
	static const int wanted[] = {SIGTERM, SIGINT, SIGHUP, SIGCHLD};
	sigset_t signals;
	sigemptyset(&signals);
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		sigaddset(&signals, wanted[i]);
	if (sigprocmask(SIG_BLOCK, &signals, NULL))
		return error_set_errno(error, errno, "cannot block signals");
	/* Whoever started this may have ignored it, and children would end unseen. */
	signal(SIGCHLD, SIG_DFL);
	signal(SIGPIPE, SIG_IGN);
	int fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd >= 0 ? fd : error_set_errno(error, errno, "cannot make a signalfd");
}

/* ── the worker's side of the fork ───────────────────────────────────────────────────────────── */

/* A worker without its supervisor would keep clients from the next host. */
static int follow(pid_t supervisor)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0))
		return -errno;
	/* It may have died before. */
	return getppid() == supervisor ? 0 : -ESRCH;
}

/* The lock stays the supervisor's alone: a worker that does not end when it is killed, deep in some
 * driver, must not keep the next host from starting. */
static void take_seat(struct supervisor *self, struct worker_seat *seat, int report)
{
	prctl(PR_SET_NAME, "acceld-worker");
	*seat = (struct worker_seat){take_fd(&self->door.listener), report, self->ledger};
	self->ledger = NULL;
	close(take_fd(&self->door.lock));
	close(take_fd(&self->signals));
	if (self->ready_fd >= 0)
		close(take_fd(&self->ready_fd));
}

/* ── the supervisor's ────────────────────────────────────────────────────────────────────────── */

/* How supervisor_run() goes on. */
enum course { COURSE_ON, COURSE_OVER, COURSE_FORKED };

/* Returns a course or a negative errno, as those that follow. */
static int start_worker(struct supervisor *self, struct worker_seat *seat, struct error *error)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC))
		return error_set_errno(error, errno, "cannot make a pipe for a worker");
	cleanup_close int reader = ends[0];
	cleanup_close int writer = ends[1];
	ledger_clear(self->ledger);
	self->up = false;
	self->said.text[0] = 0;
	pid_t supervisor = getpid(), pid = fork();
	if (pid < 0)
		return error_set_errno(error, errno, "cannot fork a worker");
	if (!pid) {
		if (follow(supervisor))
			_exit(EXIT_FAILURE);
		take_seat(self, seat, take_fd(&writer));
		return COURSE_FORKED;
	}
	self->worker = pid;
	self->report = take_fd(&reader);
	return COURSE_ON;
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
	self->up = launch_said_ready(said);
	if (!self->up) {
		error_set(&self->said, EIO, "%s", said);
		return;
	}
	self->was_up = true;
	launch_report(take_fd(&self->ready_fd), NULL);
}

static void describe_end(const struct supervisor *self, int status, struct error *end)
{
	char ops[256];
	ledger_describe(self->ledger, ops, sizeof(ops));
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
	self->failures = old || ledger_has_served(self->ledger) ? 0 : self->failures + 1;
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
	/* Whoever started this host waits for these words, and needs no more of them. */
	if (!self->was_up && *self->said.text)
		return error_set(error, EIO, "%s", self->said.text);
	describe_end(self, status, &end);
	self->crashes += WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL;
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
	door_close(&self->door);
	if (self->worker)
		kill(self->worker, SIGTERM);
	self->leave_ns = clock_now_ns() + LEAVE_LIMIT_NS;
}

static int take_signals(struct supervisor *self, struct error *error)
{
	struct signalfd_siginfo got;
	while (read(self->signals, &got, sizeof(got)) == (ssize_t)sizeof(got))
		if (got.ssi_signo != SIGCHLD && !self->leave_ns)
			leave(self, got.ssi_signo);
	int result = reap_worker(self, error);
	/* In the pause before the next worker. */
	return result == COURSE_ON && self->leave_ns && !self->worker ? COURSE_OVER : result;
}

/* -1: nothing is due but what poll() tells of. */
static int timeout_ms(const struct supervisor *self)
{
	uint64_t due_ns = self->worker ? self->leave_ns : self->start_ns;
	if (!due_ns || self->killed)
		return -1;
	uint64_t now_ns = clock_now_ns();
	if (now_ns >= due_ns)
		return 0;
	uint64_t left_ms = (due_ns - now_ns) / 1000000 + 1;
	return left_ms > INT_MAX ? INT_MAX : (int)left_ms;
}

/* What was due when timeout_ms() was asked. */
static int do_what_is_due(struct supervisor *self, struct worker_seat *seat, struct error *error)
{
	if (self->worker) {
		kill(self->worker, SIGKILL);
		self->killed = true;
		return COURSE_ON;
	}
	struct error end = {0};
	int result = start_worker(self, seat, &end);
	if (result >= 0)
		return result;
	error_wrap(&end, "could not be started");
	if (self->was_up)
		return plan_next(self, &end, error);
	return error_set(error, end.code, "the accelerator host's worker %s", end.text);
}

static int supervise(struct supervisor *self, struct worker_seat *seat, struct error *error)
{
	int course = COURSE_ON;
	while (course == COURSE_ON) {
		struct pollfd events[] = {
		    {.fd = self->report, .events = POLLIN}, /* none where that is -1 */
		    {.fd = self->signals, .events = POLLIN},
		};
		int timeout = timeout_ms(self);
		int ready = poll(events, sizeof(events) / sizeof(events[0]), timeout);
		if (ready < 0 && errno != EINTR)
			return error_set_errno(error, errno, "cannot wait for the worker");
		if (!ready)
			course = do_what_is_due(self, seat, error);
		if (ready > 0 && events[0].revents)
			hear_worker(self);
		if (ready > 0 && events[1].revents)
			course = take_signals(self, error);
	}
	return course;
}

static int prepare(struct supervisor *self, const char *socket_path, struct error *error)
{
	struct confine_report rights = {0};
	self->signals = open_signals(error);
	if (self->signals < 0)
		return self->signals;
	int result = door_open(&self->door, socket_path, error);
	if (result)
		return result;
	self->ledger = ledger_new(error);
	if (!self->ledger)
		return -ENOMEM;
	self->start_ns = clock_now_ns();
	return acceld_give_up_rights(ACCELD_SUPERVISOR, socket_path, &rights, error);
}

/* Tells the launcher, if it still waits. That another host serves already is as good. */
static void report_end(struct supervisor *self, int result, const struct error *error)
{
	if (result < 0)
		launch_report(take_fd(&self->ready_fd), result == -EADDRINUSE ? NULL : error);
	else if (self->ready_fd >= 0)
		close(take_fd(&self->ready_fd));
}

int supervisor_run(const struct supervisor_options *options, struct worker_seat *seat,
		   struct error *error)
{
	struct supervisor self = {
	    .door = {.lock = -1, .listener = -1},
	    .ready_fd = options->ready_fd,
	    .signals = -1,
	    .report = -1,
	};
	prctl(PR_SET_NAME, "mayfly-acceld"); /* "exe", where it was started as /proc/self/exe */
	int result = prepare(&self, options->socket_path, error);
	if (!result)
		result = supervise(&self, seat, error);
	if (result == COURSE_FORKED)
		return SUPERVISOR_FORKED; /* with all that self had */
	door_close(&self.door);
	if (self.worker) {
		kill(self.worker, SIGKILL);
		waitpid(self.worker, NULL, 0);
	}
	report_end(&self, result, error);
	if (self.report >= 0)
		close(self.report);
	if (self.signals >= 0)
		close(self.signals);
	ledger_delete(self.ledger);
	return result < 0 ? result : 0;
}
