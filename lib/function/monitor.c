/* The life of a monitor's process, as its front sees it: started, opened, confined, set up,
 * gone. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "function/function.h"
#include "mayfly/guest_abi.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/paths.h"
#include "util/text.h"

#define MONITOR_PART "monitor/mayfly-monitor" /* for paths_part() */

#define LAST_WORDS 16 /* more than an opener says */

struct mayfly_event *event_add(struct mayfly_function *function, enum mayfly_event_kind kind,
			       int error, const char *text)
{
	struct told_event *told = calloc(1, sizeof(*told));
	if (!told)
		return NULL;
	strncpy(told->text, text ? text : "", sizeof(told->text) - 1);
	/* The text may come from a monitor that was taken over. */
	text_make_printable(told->text, strlen(told->text));
	told->event = (struct mayfly_event){
	    .kind = kind, .error = error, .saving = function->saving, .text = told->text};
	*function->events_end = told;
	function->events_end = &told->next;
	loop_wake(function);
	return &told->event;
}

/* ── the end ─────────────────────────────────────────────────────────────────────────────────── */

static int explain_end(const struct mayfly_function *function, int status, struct error *error)
{
	const struct confine_cgroup *group = &function->group;
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
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS)
		return error_set(
		    error, EIO,
		    "the monitor was stopped: a file that it uses, the snapshot or the "
		    "root image, was cut off, or cannot be read any more");
	if (WIFSIGNALED(status))
		return error_set(error, EPROTO, "the monitor was killed by signal %d (%s)",
				 WTERMSIG(status), strsignal(WTERMSIG(status)));
	return error_set(error, EPROTO, "the monitor ended without a result");
}

static void close_socket(struct mayfly_function *function, int *fd)
{
	if (*fd < 0)
		return;
	loop_unwatch(function, *fd);
	close(take_fd(fd));
}

static void give_spare(struct mayfly_function *function)
{
	if (function->spare >= 0)
		close(take_fd(&function->spare));
}

/* Reaps a process that has ended. False if it has not. */
static bool reap(struct mayfly_function *function, struct spawn_process *process, int *status)
{
	if (process->pidfd < 0)
		return true;
	int result = spawn_wait(process, 0, status);
	if (result == -ETIMEDOUT)
		return false;
	/* Somebody else has reaped it: it has ended in any case. */
	if (result)
		*status = 0;
	if (process->pidfd >= 0) {
		loop_unwatch(function, process->pidfd);
		close(process->pidfd);
	}
	*process = SPAWN_PROCESS_NONE;
	return true;
}

/* Takes the monitor that *pidfd is of, if that is a child of ours: then the descriptor is the
 * function's. From here on nobody is looked for in the opener's group. */
static bool adopt(struct mayfly_function *function, int *pidfd)
{
	if (*pidfd < 0 || spawn_adopt(*pidfd, &function->monitor))
		return false;
	*pidfd = -1;
	function->opener_group = 0;
	return true;
}

/* A monitor that nobody knows, because its opener was killed when it had just started it, or its
 * descriptor was lost: it is still in the opener's process group, and our child. Waits for it, once
 * it is killed. */
static void take_group(struct mayfly_function *function)
{
	const pid_t group = function->opener_group;
	siginfo_t info;
	function->opener_group = 0;
	while (group && !waitid(P_PGID, (id_t)group, &info, WEXITED | WNOHANG | WNOWAIT)) {
		/* As long as we have a child in it, the number is of no other group. */
		kill(-group, SIGKILL);
		waitid(P_PGID, (id_t)group, &info, WEXITED);
	}
}

static void note_gone(struct mayfly_function *function)
{
	struct error error;
	take_group(function);
	confine_cgroup_remove(&function->group);
	function->state = function->start_wanted ? FUNCTION_WANTED : FUNCTION_CLOSED;
	/* Requests for a start that is not wanted any more. */
	error_set(&error, ECANCELED, "the function was stopped");
	if (!function->start_wanted)
		requests_fail_all(function, &error);
	function->start_wanted = false;
	loop_wake(function);
	if (function->stopping || function->stop_wanted)
		event_add(function, MAYFLY_STOPPED, 0, NULL);
	function->stopping = function->stop_wanted = false;
}

/* There is no monitor yet. */
static bool is_opening(const struct mayfly_function *function)
{
	return function->state == FUNCTION_OPENING || function->state == FUNCTION_CONFINING;
}

/* What the opener has started before it was killed: its last words are in the socket. */
static void take_unknown(struct mayfly_function *function)
{
	struct channel_message message;
	int descriptors[CHANNEL_PASSED_MAX];
	for (int i = 0; i < LAST_WORDS && function->control >= 0; i++) {
		if (channel_receive(function->control, &message, descriptors, NULL, MSG_DONTWAIT))
			break;
		if (message.kind == CHANNEL_STARTED && function->monitor.pidfd < 0 &&
		    adopt(function, &descriptors[0])) {
			spawn_signal(&function->monitor, SIGKILL);
			loop_watch(function, function->monitor.pidfd, SOURCE_MONITOR, 0);
		}
		channel_close_descriptors(descriptors);
	}
	close_socket(function, &function->control);
}

void monitor_give_up(struct mayfly_function *function, const struct error *reason)
{
	spawn_signal(&function->monitor, SIGKILL);
	spawn_signal(&function->opener, SIGKILL);
	if (is_opening(function) && function->control >= 0)
		loop_unwatch(function, function->control);
	else
		close_socket(function, &function->control);
	give_spare(function);
	broker_close(function);
	close_socket(function, &function->broker);
	slots_close_all(function);
	requests_fail_all(function, reason);
	if (!function->stopping)
		event_add(function, MAYFLY_DOWN, -reason->code, reason->text);
	function->state = FUNCTION_ENDING;
	late_expect(function, UINT64_MAX);
	monitor_hear_end(function);
}

void monitor_stop(struct mayfly_function *function)
{
	struct error error;
	function->stop_wanted = false;
	/* If the monitor is ending already, the event comes when it has ended. */
	const bool ending = function->state == FUNCTION_ENDING;
	if (function->state == FUNCTION_CLOSED)
		return;
	function->stopping = true;
	if (ending)
		return;
	error_set(&error, ECANCELED, "the function was stopped");
	monitor_give_up(function, &error);
}

void monitor_distrust(struct mayfly_function *function, const char *what)
{
	struct error error;
	error_set(&error, EPROTO,
		  "the monitor does not keep to the protocol (%s): a guest may have taken it over, "
		  "or it is of another version",
		  what);
	monitor_give_up(function, &error);
}

void monitor_note_sent(struct mayfly_function *function, int result)
{
	/* A monitor that has gone, or does not read, is noticed elsewhere. */
	if (!result || result == -EPIPE || result == -ECONNRESET || result == -EAGAIN ||
	    result == -ECANCELED)
		return;
	function->send_result = result;
	loop_wake(function);
}

void monitor_send(struct mayfly_function *function, int socket, struct channel_message *message,
		  const char *text, const int *descriptors, size_t count)
{
	monitor_note_sent(function,
			  channel_send(socket, message, text, descriptors, count, MSG_DONTWAIT));
}

void monitor_check_sent(struct mayfly_function *function)
{
	struct error error;
	const int result = function->send_result;
	function->send_result = 0;
	if (!result || function->control < 0)
		return;
	error_set_errno(&error, -result, "cannot send a message to the monitor");
	monitor_give_up(function, &error);
}

void monitor_hear_end(struct mayfly_function *function)
{
	struct error error = {0};
	int status = 0, opener_status = 0;
	const bool had_monitor = function->monitor.pidfd >= 0;
	const bool opener_gone = reap(function, &function->opener, &opener_status);
	if (opener_gone && function->state == FUNCTION_ENDING)
		take_unknown(function);
	const bool monitor_gone = reap(function, &function->monitor, &status);
	if (function->state == FUNCTION_ENDING) {
		if (opener_gone && monitor_gone)
			note_gone(function);
		return;
	}
	if (had_monitor && monitor_gone) {
		/* Its last message may still be in the socket, and explains more than its
		 * status. */
		monitor_hear_control(function);
		if (function->state == FUNCTION_ENDING || function->state == FUNCTION_CLOSED)
			return;
		explain_end(function, status, &error);
		function->statistics.deaths++;
		monitor_give_up(function, &error);
		return;
	}
	/* The opener ends when it has started the monitor, or has said why it could not. */
	if (opener_gone && !had_monitor && is_opening(function)) {
		monitor_hear_control(function);
		if (!is_opening(function))
			return;
		explain_end(function, opener_status, &error);
		function->statistics.deaths++;
		monitor_give_up(function, &error);
	}
}

void monitor_await_end(struct mayfly_function *function)
{
	for (;;) {
		pthread_mutex_lock(&function->lock);
		monitor_hear_end(function);
		const bool gone = function->state == FUNCTION_CLOSED;
		const int pidfd =
		    function->monitor.pidfd >= 0 ? function->monitor.pidfd : function->opener.pidfd;
		pthread_mutex_unlock(&function->lock);
		if (gone)
			return;
		spawn_wait_end(pidfd, UINT64_MAX);
	}
}

/* ── the start ───────────────────────────────────────────────────────────────────────────────── */

static int spawn_opener(struct mayfly_function *function, const char *path, int control, int broker)
{
	const char *const arguments[] = {"mayfly-monitor", NULL};
	int descriptors[CHANNEL_DESCRIPTORS + DEVICES_PASSED_MAX] = {
	    [CHANNEL_INPUT] = function->streams[0],
	    [CHANNEL_OUTPUT] = function->streams[1],
	    [CHANNEL_LOG] = function->streams[2],
	    [CHANNEL_CONTROL] = control,
	    [CHANNEL_BROKER] = broker,
	    [CHANNEL_DESCRIPTION] = function->description,
	    [CHANNEL_TRACE] = function->trace,
	    [CHANNEL_SAVE] = function->save,
	    [CHANNEL_LEARNED_BEFORE] = function->learned,
	};
	for (size_t i = 0; i < function->passed_count; i++)
		descriptors[CHANNEL_DESCRIPTORS + i] = function->passed[i];
	const bool in_job = function->flags & MAYFLY_IN_JOB;
	int result = spawn_start(
	    &(struct spawn){.program = path,
			    .arguments = arguments,
			    .descriptors = descriptors,
			    .descriptor_count = CHANNEL_DESCRIPTORS + function->passed_count,
			    .blocked = function->own_thread ? &function->blocked : NULL,
			    .kind = in_job ? SPAWN_JOB : SPAWN_SERVER_GROUP},
	    &function->opener);
	function->opener_group = result || in_job ? 0 : function->opener.pid;
	return result;
}

static int start(struct mayfly_function *function, struct error *error)
{
	char path[PATH_MAX];
	int control[2], broker[2];
	int result = paths_part(path, sizeof(path), MONITOR_PART, error);
	if (result)
		return result;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control))
		return error_set_errno(error, errno, "cannot make a socket for the monitor");
	function->control = control[0];
	cleanup_close int its_control = control[1];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, broker))
		return error_set_errno(error, errno, "cannot make a socket for the monitor");
	function->broker = broker[0];
	cleanup_close int its_broker = broker[1];
	function->spare = fcntl(function->control, F_DUPFD_CLOEXEC, 0);
	result =
	    function->spare < 0 ? -errno : spawn_opener(function, path, its_control, its_broker);
	if (result) {
		function->opener = SPAWN_PROCESS_NONE;
		return error_set_errno(error, -result, "cannot start %s", path);
	}
	function->statistics.starts++;
	result = loop_watch(function, function->control, SOURCE_CONTROL, 0);
	if (!result)
		result = loop_watch(function, function->broker, SOURCE_BROKER, 0);
	if (!result)
		result = loop_watch(function, function->opener.pidfd, SOURCE_OPENER, 0);
	return result ? error_set_errno(error, -result, "cannot watch the monitor") : 0;
}

void monitor_start(struct mayfly_function *function)
{
	struct error error = {0};
	function->state = FUNCTION_OPENING;
	function->isolation = function->way = NULL;
	/* The kernel ends a monitor with the thread that started it, and not with the process. */
	function->follows = function->own_thread || gettid() == getpid();
	function->saving = function->lost = function->has_learned = false;
	function->retry_ns = 0;
	if (function->open_timeout_ns)
		late_expect(function, clock_now_ns() + function->open_timeout_ns);
	if (start(function, &error))
		monitor_give_up(function, &error);
}

/* ── what it says ────────────────────────────────────────────────────────────────────────────── */

/* Limits that were asked for must be in force; others need not. */
static int make_group(struct mayfly_function *function, const struct channel_message *message,
		      struct error *error)
{
	const struct confine_cgroup_limits limits = {
	    .memory = message->length,
	    .processes = message->serial,
	    .cpus = function->cpus,
	};
	const pid_t companions[] = {function->opener.pid, function->launcher.process.pid, 0};
	const bool may_move = function->flags & MAYFLY_MOVE_CGROUP;
	if (function->flags & MAYFLY_STAY_IN_CGROUP) {
		error_set(&function->group.missing, ENOTSUP, "it stays in its front's");
		return 0;
	}
	int result = confine_cgroup_make(&function->group, function->cgroup, &limits,
					 may_move ? companions : NULL, error);
	function->group.required = function->cgroup || function->cpus;
	if (result && function->group.required)
		return error_wrap(error, "the monitor cannot have a control group");
	/* The server of the root directory goes where its monitor is. It could neither start a
	 * process nor get memory anyway, so that it may as well be missing there. */
	if (function->launcher.process.pid)
		confine_cgroup_add(&function->group, function->launcher.process.pid);
	return 0;
}

static void hear_opened(struct mayfly_function *function, const struct channel_message *message)
{
	struct error error = {0};
	const struct confine_cgroup *group = &function->group;
	if (function->state != FUNCTION_OPENING) {
		monitor_distrust(function, "it was opened already");
		return;
	}
	function->isolation = message->flags & CHANNEL_KVM ? "kvm" : "process";
	function->way = message->flags & CHANNEL_RING_0		? "ring 0"
			: message->flags & CHANNEL_DEPRIVILEGED ? "deprivileged"
			: message->flags & CHANNEL_DIRECT	? "direct"
								: "";
	if (make_group(function, message, &error)) {
		monitor_give_up(function, &error);
		return;
	}
	struct channel_message confine = {
	    .kind = CHANNEL_CONFINE,
	    .flags =
		(group->required ? CHANNEL_FINAL : 0) | (function->follows ? CHANNEL_FOLLOW : 0),
	};
	const bool has_group = group->group >= 0;
	function->state = FUNCTION_CONFINING;
	monitor_send(function, function->control, &confine, has_group ? NULL : group->missing.text,
		     &group->group, has_group ? 1 : 0);
}

void monitor_ask_setup(struct mayfly_function *function, struct function_slot *slot)
{
	/* A request by streams that is there already may be answered by the set-up. */
	struct entry *entry = function->queue;
	const bool by_streams = entry && entry->request.flags & MAYFLY_STREAMS;
	slot->entry = by_streams ? requests_take(function) : NULL;
	slot->state = SLOT_BUSY;
	if (slot->entry) {
		requests_begin(function, slot->entry, function->setup_timeout_ns + PATIENCE_NS);
	} else {
		late_expect(function, clock_now_ns() + function->setup_timeout_ns + PATIENCE_NS);
	}
	monitor_note_sent(function, requests_send(slot, slot->entry, CHANNEL_PREPARE));
}

/* The first slot does the set-up. */
static void begin_setup(struct mayfly_function *function)
{
	struct error error = {0};
	struct function_slot *slot;
	function->state = FUNCTION_SETTING_UP;
	late_expect(function, UINT64_MAX);
	int result = slots_open_one(function, true, &slot);
	if (result) {
		error_set_errno(&error, -result, "cannot open a slot");
		monitor_give_up(function, &error);
		return;
	}
	function->opening_count--;
	monitor_ask_setup(function, slot);
}

/* The process is one that we have to wait for, whatever it is said to be: no code of a guest runs
 * before it is known. */
static void hear_started(struct mayfly_function *function, int *pidfd)
{
	if (function->state != FUNCTION_CONFINING || !adopt(function, pidfd)) {
		monitor_distrust(function, "it was started already, or as no child");
		return;
	}
	int result = loop_watch(function, function->monitor.pidfd, SOURCE_MONITOR, 0);
	if (!result) {
		begin_setup(function);
		return;
	}
	struct error error;
	error_set_errno(&error, -result, "cannot watch the monitor");
	monitor_give_up(function, &error);
}

void monitor_note_prepared(struct mayfly_function *function, const struct channel_message *message,
			   const char *text)
{
	function->state = FUNCTION_READY;
	function->variables_room =
	    message->length < GUEST_VARIABLES_MAX ? (unsigned)message->length : GUEST_VARIABLES_MAX;
	requests_check_room(function);
	const bool frozen = message->flags & CHANNEL_FROZEN;
	struct mayfly_event *event =
	    event_add(function, frozen ? MAYFLY_PREPARED : MAYFLY_FINISHED, 0, text);
	if (event) {
		event->request_variables = function->variables_room;
		event->listens = frozen && message->flags & CHANNEL_LISTENS;
	}
	if (event && !frozen) {
		event->outcome = message->outcome.outcome <= MAYFLY_LOST
				     ? (enum mayfly_outcome)message->outcome.outcome
				     : MAYFLY_LOST;
		event->status = message->outcome.status;
	}
	slots_adjust(function);
}

static void hear_message(struct mayfly_function *function, const struct channel_message *message,
			 int *descriptors, const char *text)
{
	struct error error = {0};
	if (message->result) {
		/* Where the monitor says itself why it cannot start, it has to be waited for. */
		if (message->kind == CHANNEL_STARTED && function->state == FUNCTION_CONFINING)
			adopt(function, &descriptors[0]);
		channel_close_descriptors(descriptors);
		const int code =
		    message->result < 0 && message->result > -4096 ? -message->result : EPROTO;
		error_set(&error, code, "%s", text);
		monitor_give_up(function, &error);
		return;
	}
	if (message->kind == CHANNEL_STARTED) {
		hear_started(function, &descriptors[0]);
		channel_close_descriptors(descriptors);
		return;
	}
	channel_close_descriptors(descriptors);
	if (message->kind == CHANNEL_OPENED)
		hear_opened(function, message);
	else
		monitor_distrust(function, "a message that nobody knows");
}

void monitor_hear_control(struct mayfly_function *function)
{
	struct channel_message message;
	int descriptors[CHANNEL_PASSED_MAX];
	char text[CHANNEL_TEXT_MAX];
	while (function->control >= 0) {
		if (function->state == FUNCTION_CONFINING)
			give_spare(function);
		int result =
		    channel_receive(function->control, &message, descriptors, text, MSG_DONTWAIT);
		if (result == -EAGAIN)
			return;
		if (result == -EPROTO) {
			monitor_distrust(function, "a message that is none");
			return;
		}
		/* Its process says why, if it ends. */
		if (result) {
			close_socket(function, &function->control);
			slots_note_lost(function);
			return;
		}
		hear_message(function, &message, descriptors, text);
	}
}
