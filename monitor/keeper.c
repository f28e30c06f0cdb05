/* The keeper: what stays behind when a monitor gives up its rights.
 *
 * monitor_confine() forks. The child becomes the monitor proper, with nothing but what is open
 * (rights.h); it does the work. This process, its keeper, trusts it no more: it waits for its end,
 * and does for it the two things that it cannot do any more and that cannot be done before: to
 * connect to the accelerator host, which may have to be started and may come and go, and to start
 * another server of the root directory where the first one was lost.
 *
 * They talk over a socket pair, a packet for each message. The monitor asks, and tells how the work
 * ended.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "accel_client/accel_client.h"
#include "allowance.h"
#include "confine/confine.h"
#include "monitor_internal.h"
#include "rights.h"
#include "root_server/client.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/log.h"

/* No connection takes longer, whatever the monitor asks for. */
#define DIAL_LIMIT_NS (15 * NANOSECONDS_PER_SECOND)

enum keeper_message_kind {
	KEEPER_DIAL,   /* answered with a result, and a socket where that is 0 */
	KEEPER_REVIVE, /* answered with a result, and both ends of a root_connection */
	KEEPER_DONE,   /* the work's result; there is no answer */
};

struct keeper_message {
	uint32_t kind;
	int32_t result;
	uint64_t deadline_ns;
	struct error error;
};

#define DESCRIPTORS_MAX 2

union descriptors {
	struct cmsghdr header;
	char room[CMSG_SPACE(DESCRIPTORS_MAX * sizeof(int))];
};

static int send_message(int channel, const struct keeper_message *message, const int *descriptors,
			size_t count)
{
	struct iovec part = {(void *)message, sizeof(*message)};
	union descriptors control = {.header = {.cmsg_len = CMSG_LEN(count * sizeof(int)),
						.cmsg_level = SOL_SOCKET,
						.cmsg_type = SCM_RIGHTS}};
	struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
	if (count) {
		memcpy(CMSG_DATA(&control.header), descriptors, count * sizeof(int));
		header.msg_control = &control;
		header.msg_controllen = CMSG_SPACE(count * sizeof(int));
	}
	ssize_t sent;
	do
		sent = sendmsg(channel, &header, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	return sent == (ssize_t)sizeof(*message) ? 0 : -EPIPE;
}

static void close_descriptors(const int descriptors[DESCRIPTORS_MAX])
{
	for (size_t i = 0; i < DESCRIPTORS_MAX; i++)
		if (descriptors[i] >= 0)
			close(descriptors[i]);
}

/* What came along is in `descriptors`; the rest is -1. -EPIPE: nobody is there any more, or it
 * makes no sense; then nothing came. */
static int receive_message(int channel, struct keeper_message *message,
			   int descriptors[DESCRIPTORS_MAX])
{
	struct iovec part = {message, sizeof(*message)};
	union descriptors control;
	struct msghdr header = {
	    .msg_iov = &part,
	    .msg_iovlen = 1,
	    .msg_control = &control,
	    .msg_controllen = sizeof(control),
	};
	ssize_t got;
	do
		got = recvmsg(channel, &header, MSG_CMSG_CLOEXEC);
	while (got < 0 && errno == EINTR);
	descriptors[0] = descriptors[1] = -1;
	const struct cmsghdr *first = got < 0 ? NULL : CMSG_FIRSTHDR(&header);
	if (first && first->cmsg_level == SOL_SOCKET && first->cmsg_type == SCM_RIGHTS)
		memcpy(descriptors, CMSG_DATA(first), first->cmsg_len - CMSG_LEN(0));
	if (got != (ssize_t)sizeof(*message)) {
		close_descriptors(descriptors);
		return -EPIPE;
	}
	message->error.text[sizeof(message->error.text) - 1] = 0;
	return 0;
}

/* ── the monitor's side ──────────────────────────────────────────────────────────────────────── */

struct confined {
	struct monitor *monitor;
	int channel;
	int adopted; /* a result */
	struct error error;
	struct root_reviver reviver;
};

/* Asks the keeper; `count` descriptors come with its answer where the result is 0. */
static int ask_keeper(const struct confined *self, struct keeper_message *message, size_t count,
		      int descriptors[DESCRIPTORS_MAX], struct error *error)
{
	int result = send_message(self->channel, message, NULL, 0);
	if (!result)
		result = receive_message(self->channel, message, descriptors);
	if (result)
		return error_set(error, EPIPE, "the monitor's keeper has gone");
	if (!message->result && descriptors[count - 1] < 0) {
		close_descriptors(descriptors);
		return error_set(error, EPROTO, "the monitor's keeper sent no connection");
	}
	if (message->result && error)
		*error = message->error;
	return message->result;
}

static int ask_to_dial(void *context, uint64_t deadline_ns, int *socket, struct error *error)
{
	struct keeper_message message = {.kind = KEEPER_DIAL, .deadline_ns = deadline_ns};
	int descriptors[DESCRIPTORS_MAX] = {-1, -1};
	int result = ask_keeper(context, &message, 1, descriptors, error);
	*socket = result ? -1 : descriptors[0];
	return result;
}

static int ask_to_revive(void *context, struct root_connection *connection, struct error *error)
{
	struct keeper_message message = {.kind = KEEPER_REVIVE};
	int descriptors[DESCRIPTORS_MAX] = {-1, -1};
	int result = ask_keeper(context, &message, 2, descriptors, error);
	if (!result)
		*connection = (struct root_connection){descriptors[0], descriptors[1]};
	return result;
}

static void adopt(void *context)
{
	struct confined *self = context;
	struct monitor *monitor = self->monitor;
	monitor->dialer = (struct accel_dialer){.dial = ask_to_dial, .context = self};
	self->reviver = (struct root_reviver){.revive = ask_to_revive, .context = self};
	if (monitor->files)
		root_client_adopt(monitor->files, &self->reviver);
	self->adopted = monitor->isolation->adopt(monitor->host, &self->error);
}

/* A monitor without a keeper would have nobody who waits for it. */
static int follow_keeper(const struct confined *self)
{
	char byte;
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0))
		return -errno;
	/* It may have died before. */
	return recv(self->channel, &byte, 1, MSG_PEEK | MSG_DONTWAIT) ? 0 : -EPIPE;
}

static _Noreturn void be_monitor(struct confined *self, struct confine_report *report,
				 int (*work)(void *context, struct error *error), void *context)
{
	struct keeper_message done = {.kind = KEEPER_DONE, .result = self->adopted};
	done.error = self->error;
	if (follow_keeper(self))
		_exit(1);
	if (!done.result) {
		rights_give_up(self->monitor->isolation, self->monitor->host, report);
		done.result = work(context, &done.error);
	}
	fflush(NULL);
	send_message(self->channel, &done, NULL, 0);
	/* Slots, processes and connections end with this process. */
	_exit(0);
}

/* ── the keeper's side ───────────────────────────────────────────────────────────────────────── */

static int serve_dial(int channel, uint64_t deadline_ns)
{
	struct keeper_message answer = {.kind = KEEPER_DIAL};
	cleanup_close int socket = -1;
	uint64_t limit_ns = clock_now_ns() + DIAL_LIMIT_NS;
	answer.result = accel_client_connect(NULL, deadline_ns < limit_ns ? deadline_ns : limit_ns,
					     &socket, &answer.error);
	return send_message(channel, &answer, &socket, answer.result ? 0 : 1);
}

/* The server of a root directory goes where its monitor is. It could neither start a process nor
 * get memory anyway, so that it may as well be missing there. */
static void limit_server(const struct root_client *files, const struct confine_cgroup *group)
{
	pid_t server = files ? root_client_process(files) : 0;
	int result = server ? confine_cgroup_add(group, server) : 0;
	if (result)
		log_debug("the server of the root directory has no limits: %s",
			  strerrordesc_np(-result));
}

static int serve_revive(int channel, struct root_client *files, const struct confine_cgroup *group)
{
	struct keeper_message answer = {.kind = KEEPER_REVIVE};
	struct root_connection connection = {-1, -1};
	answer.result = files ? root_client_restart(files, &connection, &answer.error)
			      : error_set(&answer.error, EINVAL, "there is no root directory");
	limit_server(files, group);
	const int descriptors[] = {connection.socket, connection.life};
	return send_message(channel, &answer, descriptors, answer.result ? 0 : 2);
}

static int explain_end(int status, const struct confine_cgroup *group, struct error *error)
{
	enum confine_memory memory = CONFINE_MEMORY_ENOUGH;
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
		memory = confine_cgroup_memory(group);
	if (memory == CONFINE_MEMORY_USED_UP)
		return error_set(error, ENOMEM,
				 "the kernel killed the monitor: with its guests it had used up "
				 "the %lu MiB that its control group allows (memory.max), more "
				 "than they can need: a guest broke out, or something else was "
				 "put into the group, or files in memory (tmpfs) were filled",
				 group->memory >> 20);
	if (memory == CONFINE_MEMORY_OUTSIDE)
		return error_set(error, ENOMEM,
				 "the kernel killed the monitor: this machine, or a control group "
				 "above the monitor's, had no memory left");
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
		return error_set(error, EPROTO,
				 "the monitor was stopped by the kernel: it made a system call "
				 "that it had given up (the kernel's log names it)");
	if (WIFSIGNALED(status))
		return error_set(error, EPROTO, "the monitor was killed by signal %d (%s)",
				 WTERMSIG(status), strsignal(WTERMSIG(status)));
	return error_set(error, EPROTO, "the monitor ended without a result");
}

/* Serves the monitor until it is done, with the result in *message, or gone. */
static bool serve_monitor(const struct monitor *monitor, const struct confine_cgroup *group,
			  int channel, struct keeper_message *message)
{
	int descriptors[DESCRIPTORS_MAX];
	while (!receive_message(channel, message, descriptors)) {
		int result = -EPROTO;
		close_descriptors(descriptors);
		if (message->kind == KEEPER_DONE)
			return true;
		if (message->kind == KEEPER_DIAL)
			result = serve_dial(channel, message->deadline_ns);
		else if (message->kind == KEEPER_REVIVE)
			result = serve_revive(channel, monitor->files, group);
		if (result)
			return false;
	}
	return false;
}

static int be_keeper(const struct monitor *monitor, const struct confine_cgroup *group, int channel,
		     pid_t pid, struct error *error)
{
	struct keeper_message message;
	int status = 0;
	bool done = serve_monitor(monitor, group, channel, &message);
	/* It is on its way out; one that was taken over may think otherwise. */
	kill(pid, SIGKILL);
	pid_t got;
	do
		got = waitpid(pid, &status, 0);
	while (got < 0 && errno == EINTR);
	if (!done)
		return explain_end(status, group, error);
	if (message.result < 0 && error)
		*error = message.error;
	return message.result;
}

/* What was asked for must be had; what nobody asked for need not. */
static int make_group(const struct monitor *monitor, const struct monitor_limits *wanted,
		      struct confine_cgroup *group, struct error *error)
{
	struct confine_cgroup_limits limits;
	allowance_of_monitor(monitor, wanted, ALLOWANCE_SLOTS, &limits);
	int result = confine_cgroup_make(group, wanted->cgroup, &limits, error);
	group->required = wanted->cgroup || wanted->cpus;
	if (result && group->required)
		return error_wrap(error, "the monitor cannot have a control group");
	limit_server(monitor->files, group);
	return 0;
}

int monitor_confine(struct monitor *monitor, const struct monitor_limits *limits,
		    int (*work)(void *context, struct error *error), void *context,
		    struct error *error)
{
	int pair[2];
	cleanup(confine_cgroup_remove) struct confine_cgroup group = CONFINE_CGROUP_NONE;
	int result = make_group(monitor, limits, &group, error);
	if (result)
		return result;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return error_set_errno(error, errno, "cannot make a socket for the monitor");
	cleanup_close int ours = pair[0];
	cleanup_close int its = pair[1];
	struct confined confined = {.monitor = monitor, .channel = its};
	struct confine_report report;
	fflush(NULL);
	pid_t pid = confine_fork(&group, adopt, &confined, &report);
	if (pid < 0)
		return error_set_errno(error, -pid, "cannot start a monitor");
	close(take_fd(pid ? &its : &ours));
	if (!pid)
		be_monitor(&confined, &report, work, context);
	return be_keeper(monitor, &group, ours, pid, error);
}
