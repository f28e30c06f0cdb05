/* mayfly-monitor: a process that owns the machines of one function, started by a front
 * (lib/function) with the descriptors of channel/channel.h.
 *
 * It begins with the rights of its front: it finds and opens what the description names, and tells
 * the front how much memory that may take. Then it forks. The child is the monitor proper. It lives
 * in namespaces and a control group of its own, and gives up its rights before it runs any code of
 * a guest. It is a child of the front, which reaps it; what forked it ends.
 */
#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "confine/confine.h"
#include "confine/environment.h"
#include "confine/sanitizers.h"
#include "monitor/learned.h"
#include "monitor/monitor_internal.h"
#include "monitor/sandbox/cgroup_limits.h"
#include "monitor/sandbox/rights.h"
#include "monitor/server/server.h"
#include "monitor/target/target.h"
#include "root_server/client.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/descriptors.h"
#include "util/log.h"

/* What the child finds out before it has an empty file system. */
struct adoption {
	struct server *server;
	bool follow; /* end with the thread that started this */
	int result;
	struct error error;
};

#if CONFINE_SANITIZED
/* For LeakSanitizer: nothing is looked for when this process ends. Its front ends it as soon as it is not
 * needed any more, in the middle of a search, too, which then writes a line to the log that says so. */
// NOLINTNEXTLINE(bugprone-reserved-identifier)
__attribute__((visibility("default"))) int __lsan_is_turned_off(void);
// NOLINTNEXTLINE(bugprone-reserved-identifier)
int __lsan_is_turned_off(void)
{
	return 1;
}
#endif

static int tell(uint16_t kind, int result, const struct error *error)
{
	struct channel_message message = {.kind = kind, .result = result};
	return channel_send(CHANNEL_CONTROL, &message, result ? error->text : NULL, NULL, 0, 0);
}

static uint16_t way_flag(const struct monitor *monitor)
{
	const struct guest *guest = monitor->guest;
	if (guest->direct)
		return CHANNEL_DIRECT;
	if (!guest->kernel)
		return 0;
	return monitor->isolation->has_ring_0(monitor->host) ? CHANNEL_RING_0
							     : CHANNEL_DEPRIVILEGED;
}

static int tell_opened(const struct server *server)
{
	const struct description *description = &server->description;
	struct confine_cgroup_limits limits;
	const struct cgroup_needs needs = {
	    .image_bytes = server->monitor->image.size,
	    .work_bytes = description->work_bytes,
	    .slots = description->slots,
	    .has_devices = server->monitor->guest->kind->takes_devices,
	    .saves = server->monitor->draft,
	    .shares = server->monitor->isolation == &isolation_process,
	};
	cgroup_limits_of_monitor(&needs, &limits);
	struct channel_message message = {
	    .kind = CHANNEL_OPENED,
	    .flags = (server->monitor->isolation == &isolation_kvm ? CHANNEL_KVM : 0) |
		     way_flag(server->monitor),
	    .length = limits.memory,
	    .serial = limits.processes,
	};
	return channel_send(CHANNEL_CONTROL, &message, NULL, NULL, 0, 0);
}

static int open_monitor(struct server *server, struct error *error)
{
	const struct description *description = &server->description;
	cleanup(target_release) struct target target = {0};
	/* The monitor keeps these streams, and must not get a way into a file system by them. */
	int result = descriptors_check_streams(error);
	if (!result)
		result = target_find(&target, description, error);
	if (!result)
		result = target_open(&server->monitor, &target, description, &server->broker.dialer,
				     &server->broker.reviver, &server->broker.vsock_dialer, error);
	/* The program has them now. */
	if (description->files_size)
		explicit_bzero((void *)description->files, description->files_size);
	if (!result)
		learned_read(server->monitor, CHANNEL_LEARNED_BEFORE);
	if (!result && description->flags & DESCRIPTION_SAVE)
		result = monitor_plan_save(server->monitor, error);
	return result;
}

/* ── the monitor proper ──────────────────────────────────────────────────────────────────────── */

static void adopt(void *context)
{
	struct adoption *adoption = context;
	const struct monitor *monitor = adoption->server->monitor;
	/* A terminal with room for one byte must not block a writer of two. */
	descriptors_unblock(STDOUT_FILENO);
	descriptors_unblock(STDERR_FILENO);
	adoption->result = monitor->isolation->adopt(monitor->host, &adoption->error);
}

/* A monitor without a front would have nobody who waits for it. */
static int follow_front(bool follow)
{
	char byte;
	if (follow && prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0))
		return -errno;
	/* It may have died before. */
	return recv(CHANNEL_CONTROL, &byte, 1, MSG_PEEK | MSG_DONTWAIT) ? 0 : -EPIPE;
}

/* A monitor keeps open only what is named here, whatever was open before. */
static int close_others(const struct server *server, struct error *error)
{
	const struct monitor *monitor = server->monitor;
	const uint32_t flags = server->description.flags;
	const int own[] = {
	    CHANNEL_INPUT,
	    CHANNEL_OUTPUT,
	    CHANNEL_LOG,
	    CHANNEL_CONTROL,
	    CHANNEL_BROKER,
	    flags & DESCRIPTION_TRACE ? CHANNEL_TRACE : -1,
	    flags & DESCRIPTION_SAVE ? CHANNEL_SAVE : -1,
	    monitor->image.memfd,
	    monitor->image.root,
	};
	struct descriptors_kept kept = {.count = 0};
	int result = monitor->isolation->keep(monitor->host, &kept);
	if (!result && monitor->guest->kind->keep)
		result = monitor->guest->kind->keep(monitor->guest, &kept);
	if (!result && monitor->guest->files)
		result = root_client_keep(monitor->guest->files, &kept);
	for (size_t i = 0; i < ARRAY_SIZE(own) && !result; i++)
		result = descriptors_keep(&kept, own[i]);
	if (!result)
		result = descriptors_close_others(&kept);
	return result ? error_set_errno(error, -result, "cannot close what others have opened") : 0;
}

/* What forked this process may not have told of it yet, and the front has to wait for it. */
static void tell_unstarted(int result, const struct error *error)
{
	cleanup_close int pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);
	struct channel_message message = {.kind = CHANNEL_STARTED, .result = result};
	channel_send(CHANNEL_CONTROL, &message, error->text, &pidfd, pidfd >= 0 ? 1 : 0, 0);
}

static _Noreturn void be_monitor(struct adoption *adoption, struct confine_report *report)
{
	struct server *server = adoption->server;
	int result = adoption->result;
	if (follow_front(adoption->follow))
		_exit(1);
	if (!result)
		result = close_others(server, &adoption->error);
	environment_forget();
	if (!result)
		result = rights_give_up(server->monitor->isolation, server->monitor->host,
					server->monitor->guest->kind, report, &adoption->error);
	if (result) {
		tell_unstarted(result, &adoption->error);
		_exit(1);
	}
	server_run(server);
	/* Slots, processes and connections end with this process. */
	_exit(0);
}

/* ── before ──────────────────────────────────────────────────────────────────────────────────── */

/* Waits for the front's word and the control group, which is the caller's. */
static int await_group(struct confine_cgroup *group, bool *follow)
{
	struct channel_message message;
	int descriptors[CHANNEL_PASSED_MAX];
	char text[CHANNEL_TEXT_MAX];
	int result = channel_receive(CHANNEL_CONTROL, &message, descriptors, text, 0);
	if (result)
		return result;
	if (message.kind != CHANNEL_CONFINE) {
		channel_close_descriptors(descriptors);
		return -EPROTO;
	}
	*group = (struct confine_cgroup)CONFINE_CGROUP_NONE;
	group->group = descriptors[0];
	group->required = message.flags & CHANNEL_FINAL;
	*follow = message.flags & CHANNEL_FOLLOW;
	error_set(&group->missing, ENOTSUP, "%s", text);
	return 0;
}

static int start(struct server *server)
{
	cleanup(confine_cgroup_forget) struct confine_cgroup group = CONFINE_CGROUP_NONE;
	struct adoption adoption = {.server = server};
	struct confine_report report;
	struct error error = {0};
	int pidfd = -1;
	if (await_group(&group, &adoption.follow))
		return 1;
	pid_t pid = confine_fork_sibling(&group, adopt, &adoption, &pidfd, &report);
	if (!pid)
		be_monitor(&adoption, &report);
	if (pid < 0) {
		error_set_errno(&error, -pid, "cannot start a monitor");
		return tell(CHANNEL_STARTED, pid, &error) ? 1 : 0;
	}
	struct channel_message message = {.kind = CHANNEL_STARTED};
	return channel_send(CHANNEL_CONTROL, &message, NULL, &pidfd, 1, 0) ? 1 : 0;
}

int main(void)
{
	static struct server server;
	struct description_copy copy;
	struct error error = {0};
	/* A reader that went away, or a limit of file sizes, is an error of write(2). */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	/* Slots hardly allocate; another heap for each of their threads takes rights to make. */
	mallopt(M_ARENA_MAX, 1);
	/* libcrypto makes digests only here: to read the host's configuration of it takes as long as
	 * all else that it does at its start (config(5ssl)). */
	setenv("OPENSSL_CONF", "", 1);
	int result = description_read(&copy, CHANNEL_DESCRIPTION, &error);
	if (result && tell(CHANNEL_OPENED, result, &error))
		log_tell("mayfly-monitor is started by programs that use libmayfly, and not by "
			 "people");
	if (result)
		return 1;
	server.description = copy.description;
	log_setup("mayfly", (enum log_level)server.description.log_level);
	log_set_patience(server.description.log_patience_ns);
	trace_out_init(&server.trace,
		       server.description.flags & DESCRIPTION_TRACE ? CHANNEL_TRACE : -1);
	pthread_mutex_init(&server.lock, NULL);
	broker_client_init(&server.broker, CHANNEL_BROKER);
	result = open_monitor(&server, &error);
	server.prepared = !result && server.monitor->prepared;
	if (result)
		return tell(CHANNEL_OPENED, result, &error) ? 1 : 0;
	return tell_opened(&server) ? 1 : start(&server);
}
