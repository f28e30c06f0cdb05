/* A server in a container; see serving.h. */
#include "oci/container/serving.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "oci/container/connection.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/log.h"

#define CONNECTIONS_MAX 1024
#define BACKLOG		512
#define OTHERS		3 /* that are waited for beside the connections */

/* Descriptors that this process needs beside the connections', and for a machine. Where none is left a
 * message of the monitor loses those that come with it, and the monitor its credit. */
#define DESCRIPTORS_OWN	 64
#define DESCRIPTORS_SLOT 4

/* How long a server may take until it waits for its first connection. */
#define SETUP_NS (600 * NANOSECONDS_PER_SECOND)

/* How often heads are looked at that do not end. */
#define LOOK_MS 1000

struct serving {
	const struct guest_run *run;
	struct mayfly_function *function;
	int listener, signals;
	struct connection *first;
	unsigned count, most; /* connections */
	bool listens;	      /* the program is ready */
	bool over;
	int signal; /* after which nobody is taken any more; 0: none */
	int status; /* of a program that ended without listening */
	struct error error;
};

/* ── what libmayfly tells ────────────────────────────────────────────────────────────────────── */

static void note_end(struct serving *self, const struct mayfly_event *event)
{
	self->over = true;
	if (event->outcome == MAYFLY_DEADLINE)
		error_set(&self->error, ETIME, "the program did not listen within %llu s",
			  SETUP_NS / NANOSECONDS_PER_SECOND);
	else if (event->kind == MAYFLY_PREPARED)
		error_set(&self->error, EPROTO,
			  "the program reads standard input, and does not listen: its contract is "
			  "stdio");
	else
		self->status =
		    event->outcome == MAYFLY_EXITED ? event->status : GUEST_SIGNAL + event->status;
}

static void note_event(void *context, const struct mayfly_event *event)
{
	struct serving *self = context;
	if (event->kind == MAYFLY_PREPARED && event->listens) {
		self->listens = true;
		if (listen(self->listener, BACKLOG)) {
			self->over = true;
			error_set_errno(&self->error, errno, "cannot listen");
		}
	} else if (event->kind == MAYFLY_PREPARED || event->kind == MAYFLY_FINISHED) {
		note_end(self, event);
	} else if (event->kind == MAYFLY_DOWN) {
		self->over = true;
		error_set(&self->error, -event->error, "%s", event->text);
	}
}

/* ── its start ───────────────────────────────────────────────────────────────────────────────── */

static int bind_port(int family, uint16_t port, int *listener)
{
	const int yes = 1, no = 0;
	const struct sockaddr_in6 six = {
	    .sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = IN6ADDR_ANY_INIT};
	const struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(port)};
	cleanup_close int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof(no));
	if (family == AF_INET6 ? bind(fd, (const struct sockaddr *)&six, sizeof(six))
			       : bind(fd, (const struct sockaddr *)&four, sizeof(four)))
		return -errno;
	*listener = take_fd(&fd);
	return 0;
}

/* At all addresses, of both families where there are both. */
static int take_port(struct serving *self, struct error *error)
{
	const uint16_t port = self->run->settings->port;
	int result = bind_port(AF_INET6, port, &self->listener);
	if (result == -EAFNOSUPPORT || result == -EADDRNOTAVAIL)
		result = bind_port(AF_INET, port, &self->listener);
	return result ? error_set_errno(error, -result, "cannot have port %u", port) : 0;
}

static int start(struct serving *self, struct error *error)
{
	char network[64];
	const char *const devices[] = {network, NULL};
	struct mayfly_error reason = {0};
	struct mayfly_description description;
	snprintf(network, sizeof(network), "net:*=http,port=%u", self->run->settings->port);
	guest_describe(self->run, &description);
	description.devices = devices;
	description.slots = self->run->settings->slots;
	description.setup_timeout_ns = SETUP_NS;
	description.event = note_event;
	description.context = self;
	int result = mayfly_function_open(&self->function, &description, &reason);
	if (!result)
		result = mayfly_function_start(self->function, &reason);
	return result ? error_set(error, -result, "%s", reason.text) : 0;
}

/* ── while it runs ───────────────────────────────────────────────────────────────────────────── */

/* There is no program that could read its configuration again, or open its log anew: it is frozen. What
 * images name to stop a server (STOPSIGNAL) ends it. */
static bool ends_server(int signal)
{
	return signal != SIGHUP && signal != SIGUSR2 && signal != SIGURG;
}

static void hear_signals(struct serving *self)
{
	struct signalfd_siginfo info;
	while (read(self->signals, &info, sizeof(info)) == sizeof(info)) {
		if (!ends_server((int)info.ssi_signo))
			continue;
		/* The second one does not wait for anybody. */
		self->over |= self->signal || !self->listens;
		self->signal = (int)info.ssi_signo;
		/* Nobody else is to believe that he is served. */
		if (self->listener >= 0)
			close(take_fd(&self->listener));
	}
}

static bool takes_more(const struct serving *self)
{
	return self->listens && !self->signal && self->count < self->most;
}

static void take_connections(struct serving *self)
{
	while (takes_more(self)) {
		const int socket =
		    accept4(self->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (socket < 0)
			return;
		struct connection *connection = connection_open(
		    self->function, socket, self->run->settings->contract == OCI_CONTRACT_HTTP);
		if (!connection)
			return;
		connection->next = self->first;
		self->first = connection;
		self->count++;
		/* What came with it can be read. */
		connection_process(connection, POLLIN, clock_now_ns());
	}
}

static void drop_over(struct serving *self)
{
	const uint64_t now_ns = clock_now_ns();
	for (struct connection **link = &self->first; *link;) {
		struct connection *connection = *link;
		if (!connection_is_over(connection, now_ns)) {
			link = &connection->next;
			continue;
		}
		*link = connection->next;
		self->count--;
		connection_close(connection);
	}
}

static int wait_and_pass(struct serving *self, struct pollfd *wanted, struct error *error)
{
	size_t used = OTHERS;
	wanted[0] = (struct pollfd){.fd = mayfly_function_fd(self->function), .events = POLLIN};
	wanted[1] = (struct pollfd){.fd = self->signals, .events = POLLIN};
	wanted[2] = (struct pollfd){.fd = takes_more(self) ? self->listener : -1, .events = POLLIN};
	for (struct connection *next = self->first; next; next = next->next)
		wanted[used++] = connection_wants(next);
	if (poll(wanted, used, self->first ? LOOK_MS : -1) < 0) {
		if (errno != EINTR)
			return error_set_errno(error, errno, "cannot wait for connections");
		return 0;
	}
	const uint64_t now_ns = clock_now_ns();
	used = OTHERS;
	for (struct connection *next = self->first; next; next = next->next)
		connection_process(next, wanted[used++].revents, now_ns);
	if (wanted[1].revents)
		hear_signals(self);
	if (wanted[2].revents)
		take_connections(self);
	mayfly_function_process(self->function);
	drop_over(self);
	return 0;
}

static int drive(struct serving *self, struct error *error)
{
	cleanup_free struct pollfd *wanted = calloc(OTHERS + CONNECTIONS_MAX, sizeof(*wanted));
	if (!wanted)
		return error_set(error, ENOMEM, "no memory for connections");
	int result = 0;
	while (!result && !self->over && !(self->signal && !self->first))
		result = wait_and_pass(self, wanted, error);
	return result;
}

/* Requests that are left are done before their connections go. */
static void release(struct serving *self)
{
	mayfly_function_close(self->function);
	while (self->first) {
		struct connection *connection = self->first;
		self->first = connection->next;
		connection_close(connection);
	}
	if (self->listener >= 0)
		close(self->listener);
	if (self->signals >= 0)
		close(self->signals);
}

/* As many as there may be descriptors for: clients may be anybody, and others wait in the kernel's queue. */
static unsigned find_room(const struct guest_run *run)
{
	struct rlimit limit;
	const rlim_t others = DESCRIPTORS_OWN + (rlim_t)DESCRIPTORS_SLOT * run->settings->slots;
	if (getrlimit(RLIMIT_NOFILE, &limit))
		return 1;
	const struct rlimit raised = {.rlim_cur = limit.rlim_max, .rlim_max = limit.rlim_max};
	if (!setrlimit(RLIMIT_NOFILE, &raised))
		limit = raised;
	const rlim_t room = limit.rlim_cur > others ? limit.rlim_cur - others : 1;
	return room < CONNECTIONS_MAX ? (unsigned)room : CONNECTIONS_MAX;
}

int serving_run(const struct guest_run *run, int *exit_status, struct error *error)
{
	cleanup(release) struct serving self = {.run = run, .listener = -1, .signals = -1};
	*exit_status = GUEST_FAILED;
	self.most = find_room(run);
	self.signals = guest_catch_signals(error);
	int result = self.signals < 0 ? self.signals : take_port(&self, error);
	if (!result)
		result = start(&self, error);
	run->started(run->context, result ? error : NULL);
	if (result)
		return 0;
	result = drive(&self, error);
	if (!result && self.error.code && !self.signal)
		result = error_set(error, self.error.code, "%s", self.error.text);
	*exit_status = self.signal ? GUEST_SIGNAL + self.signal : self.status;
	return result;
}
