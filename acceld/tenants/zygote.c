/* The zygote of tenants' workers; see zygote.h. */
#include "acceld/tenants/zygote.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "accel/plugins/plugin.h"
#include "acceld/common/memory_limit.h"
#include "acceld/common/plugins.h"
#include "acceld/common/rights.h"
#include "acceld/common/signals.h"
#include "acceld/tenants/library_files.h"
#include "acceld/tenants/tenant_channel.h"
#include "acceld/tenants/tenant_worker.h"
#include "confine/sanitizers.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/descriptors_pass.h"
#include "util/log.h"

/* How long a zygote without an engine refuses, before the next one looks for it. */
#define RETRY_NS NANOSECONDS_PER_SECOND

/* Tenants' workers get processors after everything that serves their neighbours. */
#define NICENESS 10

/* In a tenant's worker, the first descriptor after the standard ones. */
#define CHANNEL 3

struct child {
	pid_t pid; /* 0: none */
	int leash; /* -1: the leash was let go, and the child was killed */
};

struct zygote {
	int orders, signals, null;
	bool ready; /* the plugins are */
	uint64_t start_ns;
	struct child *children;
	size_t room;
	struct pollfd *events; /* orders, signals, then the children's leashes */
	int channel;	       /* in a child: its own */
	struct acceld_tenant_filter filter, code_filter;
};

/* ── what all children inherit ───────────────────────────────────────────────────────────────── */

/* Half of the processors, at least one, and the last ones: whatever tenants' workers do, the others
 * are left to their neighbours. */
static void take_share_of_processors(void)
{
	cpu_set_t all, share;
	if (sched_getaffinity(0, sizeof(all), &all))
		return;
	CPU_ZERO(&share);
	int wanted = CPU_COUNT(&all) / 2;
	for (int i = CPU_SETSIZE - 1; i >= 0 && CPU_COUNT(&share) < (wanted ? wanted : 1); i--)
		if (CPU_ISSET(i, &all))
			CPU_SET(i, &share);
	if (sched_setaffinity(0, sizeof(share), &share))
		log_warn("tenants' workers run on all processors: %s", strerror(errno));
	if (setpriority(PRIO_PROCESS, 0, NICENESS))
		log_warn("tenants' workers run with the same priority as others: %s",
			 strerror(errno));
}

/* Where the machine's memory is used up, the kernel ends a tenant's worker and nobody else. */
static void be_first_to_go(void)
{
	static const char most[] = "1000";
	cleanup_close int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, most, strlen(most)) < 0)
		log_info("tenants' workers are not the first to be ended for lack of memory: %s",
			 strerror(errno));
}

static const int child_signals[] = {SIGCHLD};

static int prepare(struct zygote *self, const struct zygote_options *options, struct error *error)
{
	struct plugins plugins;
	struct confine_report rights = {0};
	self->null = open("/dev/null", O_RDWR | O_CLOEXEC);
	self->signals = signals_open(child_signals, ARRAY_SIZE(child_signals), SFD_NONBLOCK, error);
	if (self->null < 0 || self->signals < 0)
		return error_set_errno(error, errno, "cannot open what a zygote needs");
	/* Workers may still be ending while the next ones start. */
	self->room = 2 * (size_t)options->workers_max;
	self->children = calloc(self->room, sizeof(*self->children));
	self->events = calloc(self->room + 2, sizeof(*self->events));
	if (!self->children || !self->events)
		return error_set(error, ENOMEM, "no memory for a zygote");
	take_share_of_processors();
	be_first_to_go();
	/* A worker could not start as many threads as engines would like, and a zygote must have
	 * none. TensorFlow, which cannot do without, is of no use to it, nor is libtorch. */
	if (setenv("MAYFLY_ONNX_THREADS", "1", 1) || setenv("MAYFLY_BLAS_THREADS", "1", 1) ||
	    setenv("MAYFLY_OPENCL_DEVICE", "none", 1) || unsetenv("MAYFLY_TENSORFLOW") ||
	    unsetenv("MAYFLY_TORCH"))
		return error_set(error, ENOMEM, "no memory for a zygote");
	int result = plugins_start(&plugins, error);
	if (!result)
		result = memory_limit_set(options->memory, error);
	if (result)
		return result;
	acceld_make_tenant_filter(&self->filter, false);
	acceld_make_tenant_filter(&self->code_filter, true);
	self->ready = !mayfly_plugins_prepare() && !plugins.awaited;
	return acceld_give_up_rights(ACCELD_ZYGOTE, NULL, &rights, error);
}

/* ── children ────────────────────────────────────────────────────────────────────────────────── */

/* Keeps only the channel, and nothing of the zygote's, not even its log. */
static int become_worker(struct zygote *self, int channel, bool runs_code)
{
	prctl(PR_SET_NAME, "acceld-tenant");
	free(take_pointer(self->children));
	free(take_pointer(self->events));
	/* Sanitizers write what they have found there. */
	for (int i = 0; i < CHANNEL; i++)
		if (!(CONFINE_SANITIZED && i == STDERR_FILENO) && dup2(self->null, i) < 0)
			return -errno;
	if (channel != CHANNEL && dup2(channel, CHANNEL) < 0)
		return -errno;
	if (close_range(CHANNEL + 1, ~0U, 0))
		return -errno;
	self->channel = CHANNEL;
	if (mayfly_plugins_start_threads())
		return -EAGAIN;
	if (runs_code && library_files_install())
		return -EINVAL;
	return acceld_give_up_tenant_rights(runs_code ? &self->code_filter : &self->filter);
}

static void send_word(int leash, uint32_t kind, int status)
{
	const struct zygote_word word = {.kind = kind, .status = status};
	send(leash, &word, sizeof(word), MSG_NOSIGNAL | MSG_DONTWAIT);
}

static struct child *find_place(const struct zygote *self)
{
	for (size_t i = 0; i < self->room; i++)
		if (!self->children[i].pid)
			return &self->children[i];
	return NULL;
}

/* True in the child. */
static bool start_child(struct zygote *self, struct child *place, int channel, int leash,
			bool runs_code)
{
	cleanup_close int kept_channel = channel, kept_leash = leash;
	if (!self->ready) {
		send_word(leash, ZYGOTE_REFUSES, ENODEV);
		return false;
	}
	pid_t zygote = getpid(), pid = fork();
	if (pid < 0) {
		send_word(leash, ZYGOTE_REFUSES, errno);
		return false;
	}
	if (pid) {
		*place = (struct child){pid, take_fd(&kept_leash)};
		return false;
	}
	/* The worker ends with the zygote, which may already have died. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) || getppid() != zygote ||
	    become_worker(self, channel, runs_code))
		_exit(EXIT_FAILURE);
	/* Closed already. */
	(void)take_fd(&kept_channel);
	(void)take_fd(&kept_leash);
	return true;
}

/* Returns as supervise() does. */
static bool take_order(struct zygote *self, struct child *place)
{
	struct zygote_order order;
	int fds[2];
	ssize_t length = descriptors_receive(self->orders, &order, sizeof(order), fds, 2, 0);
	cleanup_close int channel = fds[0], leash = fds[1];
	if (length != (ssize_t)sizeof(order) || order.magic != ZYGOTE_MAGIC || channel < 0 ||
	    leash < 0)
		return false;
	return start_child(self, place, take_fd(&channel), take_fd(&leash), order.runs_code);
}

static void reap_children(struct zygote *self)
{
	struct signalfd_siginfo got;
	int status;
	pid_t pid;
	while (read(self->signals, &got, sizeof(got)) == (ssize_t)sizeof(got))
		;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (size_t i = 0; i < self->room; i++) {
			struct child *child = &self->children[i];
			if (child->pid != pid)
				continue;
			if (child->leash >= 0) {
				send_word(child->leash, ZYGOTE_ENDED, status);
				close(child->leash);
			}
			*child = (struct child){.leash = -1};
		}
	}
}

/* Nothing is ever said on a leash from its other end: any event is its end. */
static void kill_child(struct child *child)
{
	kill(child->pid, SIGKILL);
	close(take_fd(&child->leash));
}

/* Serves until it should end. True in a child. */
static bool serve(struct zygote *self)
{
	struct pollfd *events = self->events;
	for (;;) {
		size_t count = 2;
		/* If all places are taken, some of them are about to become free. */
		events[0] =
		    (struct pollfd){.fd = find_place(self) ? self->orders : -1, .events = POLLIN};
		events[1] = (struct pollfd){.fd = self->signals, .events = POLLIN};
		for (size_t i = 0; i < self->room; i++)
			events[count++] = (struct pollfd){
			    .fd = self->children[i].pid ? self->children[i].leash : -1,
			    .events = POLLIN};
		if (poll(events, count, -1) < 0)
			continue;
		/* First those that end, which makes room for new ones. */
		for (size_t i = 0; i < self->room; i++)
			if (events[2 + i].revents)
				kill_child(&self->children[i]);
		if (events[1].revents)
			reap_children(self);
		if (!events[0].revents)
			continue;
		/* The order is left for the next one, which may have found the engine. */
		if (!self->ready && clock_now_ns() - self->start_ns > RETRY_NS)
			return false;
		if (take_order(self, find_place(self)))
			return true;
	}
}

int zygote_run(const struct zygote_options *options, int orders, struct error *error)
{
	struct zygote self = {
	    .orders = orders, .signals = -1, .null = -1, .start_ns = clock_now_ns()};
	int result = prepare(&self, options, error);
	if (result || !self.events)
		return result;
	if (serve(&self))
		/* No destructors: the memory goes with the process. */
		_exit(tenant_worker_run(self.channel));
	return EXIT_SUCCESS;
}
