/* Isolation by process: a fresh process for each request, for hosts without /dev/kvm.
 *
 * The program process_guest maps the image where the guest expects it and becomes the guest
 * (process_guest.c). The kernel holds it in:
 *   - syscall user dispatch turns each SYSCALL of the guest into a signal, whose handler goes to
 * the library OS; only the hypercall page may make system calls;
 *   - a seccomp filter permits that page read and write of one pipe each, changes of its own
 *     mappings below the window and exit, by number and argument (process_filter.c); anything else
 *     kills the process;
 *   - no file but three pipes and sockets is open, nothing of the monitor is mapped but image and
 *     window, no privileges can be gained.
 * Nothing of this needs privileges, namespaces or ptrace. What it is not: a wall against errors in
 * the kernel's memory management and signal delivery, or in the processor.
 *
 * A reset kills the process and starts the next one, which prepares itself while the monitor goes
 * on. The guest may write to its event pipe whenever it likes, or not read its commands: the
 * monitor trusts neither, and its own end never blocks.
 */
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

#include "isolation.h"
#include "page_area.h"
#include "process_filter.h"
#include "process_guest.h"
#include "process_host.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/log.h"
#include "virtual_cpu.h"

struct machine_process {
	struct machine machine;
	const struct process_host *host;
	const struct image *image;
	const struct window *window;
	bool private; /* a clone */
	/* Page tables that say what is mapped where in the process: the image's own for the set-up,
	 * a copy-on-write view of them for a clone. */
	struct page_area area;
	struct process_setup *setup;
	size_t setup_size;

	pid_t pid;  /* 0: there is no process */
	int socket; /* its end kills the process */
	/* Both ends of the commands' pipe: so a write to a dead process is no SIGPIPE. */
	int commands[2];
	int events;
	uint64_t deadline_ns; /* of the request that runs */
	int failed;	      /* negative errno: it did not answer to a command */
};

static struct machine_process *machine_process(struct machine *machine)
{
	return (struct machine_process *)machine;
}

/* ── the process ─────────────────────────────────────────────────────────────────────────────── */

static void close_channels(struct machine_process *self)
{
	int *const channels[] = {&self->socket, &self->commands[0], &self->commands[1],
				 &self->events};
	for (size_t i = 0; i < sizeof(channels) / sizeof(channels[0]); i++) {
		if (*channels[i] >= 0)
			close(*channels[i]);
		*channels[i] = -1;
	}
}

/* Waits for the end of a process that is ending. False where somebody else took its status. */
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

static int send_setup(const struct machine_process *self, int socket, int events,
		      struct error *error)
{
	const int descriptors[] = {self->image->memfd, self->window->memfd, self->commands[0],
				   events, self->image->root};
	const size_t size =
	    sizeof(descriptors) - (self->image->root_size ? 0 : sizeof(descriptors[0]));
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(descriptors))];
	} control = {.header = {.cmsg_len = CMSG_LEN(size),
				.cmsg_level = SOL_SOCKET,
				.cmsg_type = SCM_RIGHTS}};
	memcpy(CMSG_DATA(&control.header), descriptors, size);
	struct iovec part = {self->setup, self->setup_size};
	struct msghdr message = {
	    .msg_iov = &part,
	    .msg_iovlen = 1,
	    .msg_control = &control,
	    .msg_controllen = CMSG_SPACE(size),
	};
	if (sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)self->setup_size)
		return error_set_errno(error, errno, "cannot describe the guest to its process");
	return 0;
}

/* Starts a process that becomes the guest and waits for its first command. */
static int start_process(struct machine_process *self, struct error *error)
{
	self->failed = 0;
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

static int replace_process(struct machine_process *self, struct error *error)
{
	/* The old one ends while the new one begins; nobody waits longer than needed. */
	pid_t old = self->pid;
	if (old)
		kill(old, SIGKILL);
	self->pid = 0;
	close_channels(self);
	int result = start_process(self, error);
	kill_and_reap(old);
	return result;
}

/* ── creation ────────────────────────────────────────────────────────────────────────────────── */

static int add_mappings(struct process_setup *setup, const struct image *image,
			const struct image_region *region, struct error *error)
{
	uint64_t end = region->address + region->length, next;
	for (uint64_t at = region->address; at < end; at = next) {
		uint32_t protection;
		next = virtual_cpu_protection_run(image->memory, at, end, &protection);
		if (setup->mapping_count == PROCESS_MAPPINGS_MAX)
			return error_set(error, E2BIG,
					 "the guest's memory has more than %d parts with "
					 "permissions of their own",
					 PROCESS_MAPPINGS_MAX);
		if ((protection & GUEST_WRITE) && (protection & GUEST_EXECUTE))
			return error_set(error, EACCES,
					 "guest memory at %#lx is writable and executable", at);
		setup->mappings[setup->mapping_count++] = (struct process_mapping){
		    .address = at,
		    .length = next - at,
		    .offset = image->file_offset + region->offset + (at - region->address),
		    .protection = protection,
		};
	}
	return 0;
}

/* What the set-up put into the mapping area. */
static int add_area_mappings(struct process_setup *setup, const struct page_area *area,
			     struct error *error)
{
	const struct image *image = area->image;
	const struct image_region *pool = image_region_at(image, GUEST_POOL_BASE);
	struct page_run run;
	for (uint64_t at = GUEST_AREA_BASE; page_area_find(area, at, GUEST_AREA_END, &run);
	     at = run.address + run.length) {
		if (setup->mapping_count == PROCESS_MAPPINGS_MAX)
			return error_set(error, E2BIG,
					 "the guest's memory has more than %d mappings",
					 PROCESS_MAPPINGS_MAX);
		const bool shown = page_run_is_shown(&run);
		setup->mappings[setup->mapping_count++] = (struct process_mapping){
		    .address = run.address,
		    .length = run.length,
		    .offset =
			shown ? run.source - GUEST_ROOT_BASE
			      : image->file_offset + pool->offset + (run.source - pool->address),
		    .protection = run.protection,
		    .of_root = shown,
		};
	}
	return 0;
}

/* What each process of this machine is told. Permissions come from the page tables, which know what
 * the set-up changed. */
static int build_setup(struct machine_process *self, struct error *error)
{
	const struct image *image = self->image;
	struct process_setup *setup = self->setup;
	setup->start = image->start;
	setup->resume = image->resume;
	setup->syscall_entry = image->syscall_entry;
	setup->upcall = image->upcall;
	setup->private = self->private;
	setup->root_size = image->root_size;
	for (size_t i = 0; i < image->region_count; i++) {
		int result = add_mappings(setup, image, &image->regions[i], error);
		if (result)
			return result;
	}
	int result = add_area_mappings(setup, &self->area, error);
	if (result)
		return result;
	self->setup_size = offsetof(struct process_setup, mappings) +
			   setup->mapping_count * sizeof(setup->mappings[0]);
	return process_filter_build(setup->filter, PROCESS_FILTER_MAX, &setup->filter_length,
				    error);
}

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

static void process_destroy(struct machine *machine)
{
	struct machine_process *self = machine_process(machine);
	kill_and_reap(self->pid);
	close_channels(self);
	if (self->private && self->area.memory)
		munmap(self->area.memory, tables_end(self->image));
	free(self->setup);
	free(self);
}

static int process_build(struct machine_process *self, struct error *error)
{
	self->setup = calloc(1, sizeof(*self->setup));
	if (!self->setup)
		return error_set(error, ENOMEM, "no memory for a guest process");
	int result = map_tables(self, error);
	if (!result)
		result = build_setup(self, error);
	return result ? result : start_process(self, error);
}

static int process_create(struct machine **machine, const struct isolation_host *host,
			  const struct image *image, const struct window *window, bool private,
			  struct error *error)
{
	struct machine_process *self = calloc(1, sizeof(*self));
	if (!self)
		return error_set(error, ENOMEM, "no memory for a guest process");
	self->machine.isolation = &isolation_process;
	self->machine.same_counter = true;
	self->host = process_host(host);
	self->image = image;
	self->window = window;
	self->private = private;
	alarm_reset(&self->machine.alarm);
	self->socket = self->commands[0] = self->commands[1] = self->events = -1;
	int result = process_build(self, error);
	if (result) {
		process_destroy(&self->machine);
		return result;
	}
	*machine = &self->machine;
	return 0;
}

/* ── running ─────────────────────────────────────────────────────────────────────────────────── */

static int send_command(const struct machine_process *self, const struct process_command *command)
{
	ssize_t sent;
	do {
		sent = write(self->commands[1], command, sizeof(*command));
	} while (sent < 0 && errno == EINTR);
	if (sent < 0)
		return -errno;
	return sent == sizeof(*command) ? 0 : -EIO;
}

/* Waits for the event byte, and interrupts the guest when its alarm is due. 0, -ETIMEDOUT past the
 * deadline, -EPIPE: the process is at its end. */
static int await_event(struct machine_process *self, uint64_t deadline_ns, uint8_t *event)
{
	struct pollfd readable = {.fd = self->events, .events = POLLIN};
	volatile struct guest_control *control = window_control(self->window);
	struct alarm *alarm = &self->machine.alarm;
	for (;;) {
		uint64_t look_ns = alarm_next(alarm, control), now = clock_now_ns();
		uint64_t until_ns = look_ns < deadline_ns ? look_ns : deadline_ns;
		uint64_t left = until_ns > now ? until_ns - now : 0;
		struct timespec timeout = {
		    .tv_sec = (time_t)(left / NANOSECONDS_PER_SECOND),
		    .tv_nsec = (long)(left % NANOSECONDS_PER_SECOND),
		};
		int ready = ppoll(&readable, 1, &timeout, NULL);
		if (!ready && until_ns == deadline_ns)
			return -ETIMEDOUT;
		if (!ready) {
			if (alarm_is_due(alarm, control, clock_now_ns())) {
				kill(self->pid, PROCESS_TICK_SIGNAL);
				alarm_retry(alarm); /* who knows where it was */
			}
			continue;
		}
		if (ready < 0 && errno != EINTR)
			return -errno;
		if (ready < 0)
			continue;
		ssize_t got = read(self->events, event, 1);
		if (got == 1)
			return 0;
		if (!got)
			return -EPIPE;
		if (errno != EINTR)
			return -errno;
	}
}

static bool is_guests_own(int signal)
{
	return signal == SIGSYS || signal == SIGSEGV || signal == SIGBUS || signal == SIGILL ||
	       signal == SIGFPE || signal == SIGTRAP;
}

/* The process ended: why? */
static int process_ended(struct machine_process *self, enum machine_stop *stop,
			 struct guest_fault *fault, struct error *error)
{
	int status = 0;
	bool known = reap(self->pid, &status);
	self->pid = 0;
	struct process_failure failure;
	if (recv(self->socket, &failure, sizeof(failure), MSG_DONTWAIT) == sizeof(failure)) {
		failure.step[sizeof(failure.step) - 1] = 0;
		return error_set_errno(error, failure.error > 0 ? failure.error : EIO,
				       "a guest process could not %s", failure.step);
	}
	if (known && WIFSIGNALED(status) && !is_guests_own(WTERMSIG(status))) {
		log_info("a guest process was killed by signal %d (%s)", WTERMSIG(status),
			 strsignal(WTERMSIG(status)));
		*stop = MACHINE_LOST;
		return 0;
	}
	/* It made a system call that its filter forbids, ended itself, or left no signal stack for
	 * the handler that would tell registers. */
	*stop = MACHINE_FAULT;
	*fault = (struct guest_fault){
	    .vector = known && WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS
			  ? MACHINE_VECTOR_FORBIDDEN
			  : MACHINE_VECTOR_ASTRAY,
	};
	return 0;
}

/* Copies the fault out of the window: the guest may go on writing there. */
static void copy_fault(struct guest_fault *fault, const volatile struct guest_fault *source)
{
	const volatile uint64_t *words = (const volatile uint64_t *)source;
	uint64_t *copy = (uint64_t *)fault;
	for (size_t i = 0; i < sizeof(*fault) / sizeof(*copy); i++)
		copy[i] = words[i];
}

static int process_run(struct machine *machine, enum machine_entry entry, uint64_t deadline_ns,
		       enum machine_stop *stop, struct guest_fault *fault, struct error *error)
{
	struct machine_process *self = machine_process(machine);
	static const enum process_command_kind kinds[] = {
	    [MACHINE_START] = PROCESS_START,
	    [MACHINE_RESUME] = PROCESS_RESUME,
	    [MACHINE_CONTINUE] = PROCESS_CONTINUE,
	};
	const struct process_command command = {.kind = kinds[entry]};
	if (!self->pid)
		return error_set(error, ESRCH, "the guest's process is gone");
	uint8_t event;
	self->deadline_ns = deadline_ns;
	int result = self->failed ? self->failed : send_command(self, &command);
	if (!result)
		result = await_event(self, deadline_ns, &event);
	if (result == -ETIMEDOUT) {
		*stop = MACHINE_DEADLINE;
		return 0;
	}
	if (result == -EAGAIN) {
		/* Its pipe is full of answers: it rings and rings, and takes none. */
		*stop = MACHINE_FAULT;
		*fault = (struct guest_fault){.vector = MACHINE_VECTOR_ASTRAY};
		return 0;
	}
	if (result == -EPIPE)
		return process_ended(self, stop, fault, error);
	if (result)
		return error_set_errno(error, -result, "cannot talk to the guest's process");
	const volatile struct guest_control *control = window_control(self->window);
	if (control->hypercall != HYPERCALL_FAULT) {
		*stop = MACHINE_HYPERCALL;
		return 0;
	}
	*stop = MACHINE_FAULT;
	copy_fault(fault, &control->fault);
	return 0;
}

/* ── memory ──────────────────────────────────────────────────────────────────────────────────── */

static uint64_t protection_bits(uint32_t protection)
{
	return (protection & GUEST_READ ? PROT_READ : 0U) |
	       (protection & GUEST_WRITE ? PROT_WRITE : 0U) |
	       (protection & GUEST_EXECUTE ? PROT_EXEC : 0U);
}

/* Has the process do something. Returns 0, what it answers as a negative errno, or what came
 * between. */
static int command_process(struct machine_process *self, const struct process_command *command)
{
	uint8_t code = 0;
	int result = send_command(self, command);
	if (!result)
		result = await_event(self, self->deadline_ns, &code);
	/* Where the answer is still to come it must not be taken for the next hypercall. */
	if (result)
		self->failed = result;
	return result ? result : -(int)code;
}

/* The page tables are told what the process did. What the set-up changes is the clones' too: they
 * are made from them. */
static int process_protect(struct machine *machine, uint64_t address, uint64_t length,
			   uint32_t protection)
{
	struct machine_process *self = machine_process(machine);
	const struct process_command command = {
	    .kind = PROCESS_PROTECT,
	    .address = address,
	    .length = length,
	    .protection = protection_bits(protection),
	};
	int result = command_process(self, &command);
	return result ? result
		      : virtual_cpu_protect(self->area.memory, address, length, protection, NULL);
}

static int process_show(struct machine_process *self, const struct page_run *run)
{
	const struct process_command command = {
	    .kind = PROCESS_SHOW,
	    .address = run->address,
	    .length = run->length,
	    .protection = protection_bits(run->protection),
	    .source = run->source - GUEST_ROOT_BASE,
	};
	return command_process(self, &command);
}

static int process_move(struct machine_process *self, uint64_t to, uint64_t from, uint64_t length)
{
	const struct process_command command = {
	    .kind = PROCESS_MOVE, .address = to, .length = length, .source = from};
	return command_process(self, &command);
}

static int process_map(struct machine *machine, const struct page_run *run)
{
	struct machine_process *self = machine_process(machine);
	int result = page_area_map(&self->area, run, NULL);
	if (result)
		return result;
	if (page_run_is_shown(run)) {
		result = process_show(self, run);
	} else {
		result = process_move(self, run->address, run->source, run->length);
		if (!result && run->protection != (GUEST_READ | GUEST_WRITE))
			result =
			    process_protect(machine, run->address, run->length, run->protection);
	}
	if (result)
		page_area_unmap(&self->area, run, NULL);
	return result;
}

static int process_unmap_run(struct machine *machine, const struct page_run *run)
{
	struct machine_process *self = machine_process(machine);
	const struct process_command hide = {
	    .kind = PROCESS_HIDE, .address = run->address, .length = run->length};
	if (page_run_is_shown(run))
		return command_process(self, &hide);
	int result = 0;
	if (run->protection != (GUEST_READ | GUEST_WRITE))
		result =
		    process_protect(machine, run->address, run->length, GUEST_READ | GUEST_WRITE);
	return result ? result : process_move(self, run->source, run->address, run->length);
}

static int process_unmap(struct machine *machine, uint64_t address, uint64_t length)
{
	struct machine_process *self = machine_process(machine);
	struct page_run run;
	for (uint64_t at = address; page_area_find(&self->area, at, address + length, &run);
	     at = run.address + run.length) {
		int result = process_unmap_run(machine, &run);
		if (result)
			return result;
		page_area_unmap(&self->area, &run, NULL);
	}
	return 0;
}

static int process_reset(struct machine *machine, uint64_t *pages, struct error *error)
{
	struct machine_process *self = machine_process(machine);
	*pages = 0;
	if (self->private && madvise(self->area.memory, tables_end(self->image), MADV_DONTNEED))
		return error_set_errno(error, errno, "cannot reset the guest's page tables");
	self->area.next_table = 0;
	int result = replace_process(self, error);
	return result ? error_wrap(error, "cannot reset the guest's process") : 0;
}

/* What the process wrote to: pages of its own, in memory or swapped out. */
static uint64_t process_private_bytes(struct machine *machine)
{
	struct machine_process *self = machine_process(machine);
	char path[64], line[128];
	if (!self->pid || self->host->processes < 0)
		return 0;
	snprintf(path, sizeof(path), "%d/smaps_rollup", self->pid);
	cleanup_close int fd = openat(self->host->processes, path, O_RDONLY | O_CLOEXEC);
	cleanup_fclose FILE *file = fd >= 0 ? fdopen(fd, "r") : NULL;
	uint64_t total = 0;
	if (file)
		take_fd(&fd);
	while (file && fgets(line, sizeof(line), file)) {
		unsigned long kilobytes;
		if (sscanf(line, "Anonymous: %lu kB", &kilobytes) == 1 ||
		    sscanf(line, "Swap: %lu kB", &kilobytes) == 1)
			total += (uint64_t)kilobytes << 10;
	}
	return total;
}

const struct isolation isolation_process = {
    .name = "process",
    .probe = process_host_probe,
    .open = process_host_open,
    .adopt = process_host_adopt,
    .close = process_host_close,
    .create = process_create,
    .run = process_run,
    .protect = process_protect,
    .map = process_map,
    .unmap = process_unmap,
    .reset = process_reset,
    .private_bytes = process_private_bytes,
    .destroy = process_destroy,
};
