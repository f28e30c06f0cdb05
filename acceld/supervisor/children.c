/* The supervisor's children; see children.h. */
#include "acceld/supervisor/children.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "acceld/common/in_flight.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/log.h"

/* The pause before a zygote that follows one which died young. */
#define ZYGOTE_PAUSE_NS NANOSECONDS_PER_SECOND

#define OPTIMIZER_NICENESS 19

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
static void take_handoff(struct supervisor *self, struct worker_handoff *handoff, int report,
			 int control)
{
	prctl(PR_SET_NAME, "acceld-worker");
	*handoff = (struct worker_handoff){.control = take_fd(&control),
					   .report = report,
					   .zygote = take_fd(&self->zygote.orders[1]),
					   .in_flight = self->in_flight};
	self->in_flight = NULL;
	tenancy_forget(&self->tenancy);
	close(take_fd(&self->zygote.orders[0]));
	close(take_fd(&self->listener.socket));
	close(take_fd(&self->listener.lock));
	close(take_fd(&self->signals));
	if (self->ready_fd >= 0)
		close(take_fd(&self->ready_fd));
}

/* But for what a relay is given, where `relayed` is its listener. */
static void take_nothing(struct supervisor *self, struct worker_handoff *handoff, const char *name,
			 struct served_listener *relayed)
{
	prctl(PR_SET_NAME, name);
	*handoff = (struct worker_handoff){
	    .control = -1, .report = -1, .zygote = take_fd(&self->zygote.orders[0])};
	if (relayed)
		relays_hand_off(relayed, &handoff->relay);
	tenancy_forget(&self->tenancy);
	in_flight_delete(take_pointer(self->in_flight));
	close(take_fd(&self->zygote.orders[1]));
	close(take_fd(&self->listener.socket));
	close(take_fd(&self->listener.lock));
	close(take_fd(&self->signals));
	if (self->ready_fd >= 0)
		close(take_fd(&self->ready_fd));
	if (self->report >= 0)
		close(take_fd(&self->report));
}

/* Returns a course or a negative errno, as do the functions that follow. */
int children_start_worker(struct supervisor *self, struct worker_handoff *handoff,
			  struct error *error)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC))
		return error_set_errno(error, errno, "cannot make a pipe for a worker");
	cleanup_close int reader = ends[0];
	cleanup_close int writer = ends[1];
	int made = listener_set_begin_worker(&self->tenancy.listeners, error);
	if (made < 0)
		return made;
	cleanup_close int control = made;
	in_flight_clear(self->in_flight);
	self->up = false;
	self->said.text[0] = 0;
	pid_t supervisor = getpid(), pid = fork();
	if (pid < 0)
		return error_set_errno(error, errno, "cannot fork a worker");
	if (!pid) {
		if (follow(supervisor))
			_exit(EXIT_FAILURE);
		take_handoff(self, handoff, take_fd(&writer), take_fd(&control));
		return COURSE_FORKED;
	}
	self->worker = pid;
	self->report = take_fd(&reader);
	return COURSE_ON;
}

/* A host without a zygote serves everything except models that clients send. */
int children_start_zygote(struct supervisor *self, struct worker_handoff *handoff)
{
	pid_t supervisor = getpid(), pid = fork();
	self->zygote.start_ns = clock_now_ns();
	if (pid < 0) {
		log_warn("cannot fork a zygote for tenants' workers: %s", strerror(errno));
		self->zygote.start_ns += ZYGOTE_PAUSE_NS;
		return COURSE_ON;
	}
	if (!pid) {
		if (follow(supervisor))
			_exit(EXIT_FAILURE);
		take_nothing(self, handoff, "acceld-zygote", NULL);
		return COURSE_FORKED_ZYGOTE;
	}
	self->zygote.pid = pid;
	return COURSE_ON;
}

/* Tenants' workers have ended with the zygote. The next one takes the orders that are waiting. */
void children_reap_zygote(struct supervisor *self)
{
	int status;
	if (!self->zygote.pid || waitpid(self->zygote.pid, &status, WNOHANG) <= 0)
		return;
	self->zygote.pid = 0;
	uint64_t now_ns = clock_now_ns();
	bool good =
	    self->zygote.dismissed || (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS);
	self->zygote.dismissed = false;
	if (!good)
		log_error("the zygote of tenants' workers ended with status %#x", status);
	bool young = !good && now_ns - self->zygote.start_ns < YOUNG_NS;
	self->zygote.start_ns = now_ns + (young ? ZYGOTE_PAUSE_NS : 0);
}

/* When a worker ends, everything that it may have left behind, if it was taken over, is removed
 * too: tenants' workers whose leashes it has hidden in their channels, and orders for more of
 * them. */
void children_dismiss_zygote(struct supervisor *self)
{
	int fresh[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fresh)) {
		log_warn("the zygote stays, with its orders: %s", strerror(errno));
		return;
	}
	for (size_t i = 0; i < 2; i++) {
		close(self->zygote.orders[i]);
		self->zygote.orders[i] = fresh[i];
	}
	if (!self->zygote.pid)
		return;
	kill(self->zygote.pid, SIGKILL);
	self->zygote.dismissed = true;
}

bool children_zygote_is_due(const struct supervisor *self)
{
	return self->zygote.start_ns && !self->zygote.pid && !self->leave_ns;
}

/* A process that has met no client optimises models, so that a worker that was taken over cannot
 * leave a model of its own making to the next one. */
int children_start_optimizer(struct supervisor *self, struct worker_handoff *handoff)
{
	self->optimizer_ns = 0;
	pid_t supervisor = getpid(), pid = fork();
	if (pid > 0)
		self->optimizer = pid;
	if (pid)
		return COURSE_ON;
	if (follow(supervisor))
		_exit(EXIT_FAILURE);
	take_nothing(self, handoff, "acceld-optimise", NULL);
	close(take_fd(&handoff->zygote));
	setpriority(PRIO_PROCESS, 0, OPTIMIZER_NICENESS);
	return COURSE_FORKED_OPTIMIZER;
}

/* Relays look at what strangers send; so each is a process of its own, without rights. */
int children_start_relay(struct supervisor *self, struct worker_handoff *handoff)
{
	struct served_listener *next = relays_next(&self->tenancy.listeners, clock_now_ns());
	if (!next)
		return COURSE_ON;
	pid_t supervisor = getpid(), pid = fork();
	if (pid < 0) {
		log_warn("cannot fork a relay: %s", strerror(errno));
		relays_not_started(next);
		return COURSE_ON;
	}
	if (pid) {
		relays_started(next, pid);
		return COURSE_ON;
	}
	if (follow(supervisor))
		_exit(EXIT_FAILURE);
	take_nothing(self, handoff, "acceld-relay", next);
	close(take_fd(&handoff->zygote));
	return COURSE_FORKED_RELAY;
}

bool children_optimizer_is_due(const struct supervisor *self)
{
	return self->optimizer_ns && !self->leave_ns;
}

void children_reap_optimizer(struct supervisor *self)
{
	if (self->optimizer && waitpid(self->optimizer, NULL, WNOHANG) > 0)
		self->optimizer = 0;
}
