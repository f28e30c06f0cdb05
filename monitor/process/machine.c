/* Making a guest process, and the talk with it; see machine.h. */
#include "machine.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "direct_setup.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/descriptors_pass.h"
#include "util/log.h"

/* ── the process ─────────────────────────────────────────────────────────────────────────────── */

static void close_channels(struct machine_process *self)
{
	int *const channels[] = {&self->socket, &self->commands[0], &self->commands[1],
				 &self->events, &self->listener,    &self->shared};
	for (size_t i = 0; i < ARRAY_SIZE(channels); i++) {
		if (*channels[i] >= 0)
			close(*channels[i]);
		*channels[i] = -1;
	}
}

/* False where somebody else took its status. */
static bool reap(pid_t pid, int *status)
{
	pid_t got;
	do {
		got = waitpid(pid, status, 0);
	} while (got < 0 && errno == EINTR);
	return got == pid;
}

/* After this nothing of the guest runs or writes any more. */
static void kill_and_reap(pid_t pid)
{
	int status;
	if (!pid)
		return;
	kill(pid, SIGKILL);
	reap(pid, &status);
}

static bool is_guests_own(int signal)
{
	return signal == SIGSYS || signal == SIGSEGV || signal == SIGBUS || signal == SIGILL ||
	       signal == SIGFPE || signal == SIGTRAP;
}

int process_machine_end(struct machine_process *self, int *status, bool *known, struct error *error)
{
	*status = 0;
	*known = reap(self->pid, status);
	self->pid = 0;
	struct process_failure failure;
	/* The listener may have come before, and nobody has asked for it. */
	ssize_t got = recv(self->socket, &failure, sizeof(failure), MSG_DONTWAIT);
	if (got == 1)
		got = recv(self->socket, &failure, sizeof(failure), MSG_DONTWAIT);
	if (got == sizeof(failure)) {
		failure.step[sizeof(failure.step) - 1] = 0;
		return error_set_errno(error, failure.error > 0 ? failure.error : EIO,
				       "a guest process could not %s", failure.step);
	}
	if (!*known || !WIFSIGNALED(*status) || is_guests_own(WTERMSIG(*status)))
		return 0;
	log_info("a guest process was killed by signal %d (%s)", WTERMSIG(*status),
		 strsignal(WTERMSIG(*status)));
	*known = false;
	return 0;
}

static int send_direct_setup(struct machine_process *self, int socket, int events,
			     struct error *error)
{
	int *request = &self->machine.request;
	int result = process_direct_renew_request(request, self->direct->request_size, error);
	if (result)
		return result;
	const struct process_direct_files files = {
	    .output = events,
	    .image = self->image->memfd,
	    .commands = self->commands[0],
	    .request = *request,
	    .window = self->window->memfd,
	};
	return process_direct_setup_send(self->direct_setup, self->direct, &files, socket, error);
}

static int send_setup(struct machine_process *self, int socket, int events, struct error *error)
{
	if (self->direct)
		return send_direct_setup(self, socket, events, error);
	const struct image_region *pool = image_region_at(self->image, GUEST_POOL_BASE);
	/* A new one for each process: what the last one left there goes with it. */
	self->shared_from = self->shared_to = 0;
	self->shared = memfd_create("mayfly-shared", MFD_CLOEXEC);
	if (self->shared < 0 || ftruncate(self->shared, pool ? (off_t)pool->length : 0))
		return error_set_errno(error, errno, "cannot make a file for shared pages");
	const int descriptors[] = {self->image->memfd, self->window->memfd,
				   self->commands[0],  events,
				   self->shared,       self->image->root};
	const size_t count = self->image->root_size ? 6 : 5;
	int result = descriptors_send(socket, self->setup, self->setup_size, descriptors, count,
				      MSG_DONTWAIT);
	if (result)
		return error_set_errno(error, -result, "cannot describe the guest to its process");
	return 0;
}

/* Starts a process that becomes the guest and waits for its first command. */
static int start_process(struct machine_process *self, struct error *error)
{
	self->failed = 0;
	self->rung = 0;
	self->unanswered = false;
	int pair[2], events[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return error_set_errno(error, errno, "cannot make a socket for the guest");
	self->socket = pair[0];
	cleanup_close int its_socket = pair[1];
	if (pipe2(self->commands, O_CLOEXEC) || fcntl(self->commands[1], F_SETFL, O_NONBLOCK))
		return error_set_errno(error, errno, "cannot make a pipe for the guest");
	if (pipe2(events, O_CLOEXEC))
		return error_set_errno(error, errno, "cannot make a pipe for the guest");
	self->events = events[0];
	cleanup_close int its_events = events[1];
	int result = send_setup(self, self->socket, its_events, error);
	if (result)
		return result;
	int code = process_host_spawn(self->host, its_socket, &self->pid);
	if (code) {
		self->pid = 0;
		return error_set_errno(error, code, "cannot start a guest's process");
	}
	return 0;
}

/* ── making ──────────────────────────────────────────────────────────────────────────────────── */

/* The system pages and page tables are the first of an image. */
static size_t tables_end(const struct image *image)
{
	return image->page_tables + image->page_tables_size;
}

static int map_tables(struct machine_process *self, struct error *error)
{
	const struct image *image = self->image;
	self->area.image = image;
	if (!self->private) {
		self->area.memory = image->memory;
		return 0;
	}
	void *tables = mmap(NULL, tables_end(image), PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_NORESERVE, image->memfd, (off_t)image->file_offset);
	if (tables == MAP_FAILED)
		return error_set_errno(error, errno, "cannot map the guest's page tables");
	self->area.memory = tables;
	return 0;
}

int process_machine_replace(struct machine_process *self, struct error *error)
{
	if (self->area.memory && self->private &&
	    madvise(self->area.memory, tables_end(self->image), MADV_DONTNEED))
		return error_set_errno(error, errno, "cannot reset the guest's page tables");
	self->area.next_table = 0;
	/* The old process ends while the new one starts, so that neither waits for the other. */
	pid_t old = self->pid;
	if (old)
		kill(old, SIGKILL);
	self->pid = 0;
	close_channels(self);
	int result = start_process(self, error);
	kill_and_reap(old);
	return result;
}

/* Of a set-up the image must have what the clones are to begin with: pages that are at several
 * addresses lie in a file of the process. Whatever of it cannot be read stays as it was. */
static void take_shared_pages(const struct machine_process *self)
{
	const struct image_region *pool =
	    self->shared >= 0 ? image_region_at(self->image, GUEST_POOL_BASE) : NULL;
	off_t start = 0, end;
	while (pool && (start = lseek(self->shared, start, SEEK_DATA)) >= 0) {
		end = lseek(self->shared, start, SEEK_HOLE);
		if (end <= start || (uint64_t)end > pool->length)
			return;
		uint8_t *pages = self->image->memory + pool->offset + start;
		if (pread(self->shared, pages, (size_t)(end - start), start) != end - start)
			return;
		start = end;
	}
}

void process_machine_dismantle(struct machine_process *self)
{
	kill_and_reap(self->pid);
	if (!self->private)
		take_shared_pages(self);
	close_channels(self);
	if (self->private && self->area.memory)
		munmap(self->area.memory, tables_end(self->image));
	if (self->machine.request >= 0)
		close(self->machine.request);
	free(self->setup);
	free(self->direct_setup);
}

static int build_with_library_os(struct machine_process *self, struct error *error)
{
	self->setup = calloc(1, sizeof(*self->setup));
	if (!self->setup)
		return error_set(error, ENOMEM, "no memory for a guest process");
	int result = map_tables(self, error);
	return result ? result : process_setup_build(self, error);
}

int process_machine_build(struct machine_process *self, struct error *error)
{
	int result = self->direct
			 ? process_direct_setup_make(&self->direct_setup, self->direct, error)
			 : build_with_library_os(self, error);
	return result ? result : start_process(self, error);
}

/* ── talking ─────────────────────────────────────────────────────────────────────────────────── */

int process_machine_send(const struct machine_process *self, const struct process_command *commands,
			 size_t count)
{
	const size_t length = count * sizeof(*commands);
	ssize_t sent;
	do {
		sent = write(self->commands[1], commands, length);
	} while (sent < 0 && errno == EINTR);
	if (sent < 0)
		return -errno;
	return (size_t)sent == length ? 0 : -EIO;
}

int process_machine_wait(struct machine_process *self, uint64_t deadline_ns)
{
	struct pollfd readable = {.fd = self->events, .events = POLLIN};
	volatile struct guest_control *control = window_control(self->window);
	struct alarm *alarm = &self->machine.alarm;
	for (;;) {
		uint64_t look_ns = alarm_next(alarm, control);
		uint64_t until_ns = look_ns < deadline_ns ? look_ns : deadline_ns;
		until_ns = machine_look_ns(&self->machine, until_ns);
		struct timespec timeout = clock_left_until(until_ns);
		int ready = ppoll(&readable, 1, &timeout, NULL);
		if (!ready && (until_ns == deadline_ns || machine_is_unwanted(&self->machine)))
			return -ETIMEDOUT;
		if (!ready) {
			const uint64_t now_ns = clock_now_ns();
			const bool signalled = machine_pass_signals(&self->machine, control);
			if (signalled)
				alarm_ring(alarm, control, now_ns);
			if (signalled || alarm_is_due(alarm, control, now_ns)) {
				kill(self->pid, PROCESS_TICK_SIGNAL);
				alarm_retry(alarm); /* who knows where it was */
			}
			continue;
		}
		if (ready < 0 && errno != EINTR)
			return -errno;
		if (ready > 0)
			return 0;
	}
}

int process_machine_await(struct machine_process *self, uint64_t deadline_ns, uint8_t *event)
{
	for (;;) {
		int result = process_machine_wait(self, deadline_ns);
		if (result)
			return result;
		ssize_t got = read(self->events, event, 1);
		if (got == 1)
			return 0;
		if (!got)
			return -EPIPE;
		if (errno != EINTR)
			return -errno;
	}
}
