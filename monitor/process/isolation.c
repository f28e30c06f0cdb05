/* Isolation by process: a fresh process for each request, for hosts without /dev/kvm.
 *
 * The program process_guest maps the image where the guest expects it and becomes the guest
 * (guest.c). The kernel holds it in:
 *   - syscall user dispatch turns each SYSCALL of the guest into a signal, whose handler goes to
 * the library OS; only the hypercall page may make system calls;
 *   - a seccomp filter permits that page read and write of one pipe each, changes of its own
 *     mappings below the window and exit, by number and argument (filter.c); anything else
 *     kills the process;
 *   - no file but three pipes and sockets, and one for pages of its own, is open, nothing of the monitor is mapped but image and
 *     window, no privileges can be gained.
 * Nothing of this needs privileges, namespaces or ptrace. What it is not: a wall against errors in
 * the kernel's memory management and signal delivery, or in the processor.
 *
 * A reset kills the process and starts the next one, which prepares itself while the monitor goes
 * on. The guest may write to its event pipe whenever it likes, or not read its commands: the
 * monitor trusts neither, and its own end never blocks.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "direct.h"
#include "guest.h"
#include "host.h"
#include "machine.h"
#include "monitor/isolation/isolation.h"
#include "monitor/x86_64/exceptions.h"
#include "rights.h"
#include "spaces.h"
#include "util/log.h"

/* ── making ──────────────────────────────────────────────────────────────────────────────────── */

static void process_destroy(struct machine *machine)
{
	process_machine_dismantle(machine_process(machine));
	free(machine);
}

static int process_create(struct machine **machine, const struct isolation_host *host,
			  const struct machine_description *description, struct error *error)
{
	struct machine_process *self = calloc(1, sizeof(*self));
	if (!self)
		return error_set(error, ENOMEM, "no memory for a guest process");
	self->machine.isolation = &isolation_process;
	self->machine.same_counter = true;
	self->host = process_host(host);
	self->image = description->image;
	self->window = description->window;
	self->entries = description->entries;
	self->private = description->private;
	self->direct = description->direct;
	self->machine.request = -1;
	alarm_init(&self->machine.alarm);
	self->socket = self->commands[0] = self->commands[1] = self->events = self->listener =
	    self->shared = -1;
	int result = process_machine_build(self, error);
	if (result) {
		process_destroy(&self->machine);
		return result;
	}
	*machine = &self->machine;
	return 0;
}

/* ── running ─────────────────────────────────────────────────────────────────────────────────── */

/* The process ended: why? */
static int process_ended(struct machine_process *self, struct machine_exit *exit,
			 struct error *error)
{
	int status;
	bool known;
	int result = process_machine_end(self, &status, &known, error);
	if (result)
		return result;
	if (!known) {
		exit->stop = MACHINE_LOST;
		return 0;
	}
	/* It made a system call that its filter forbids, ended itself, or left no signal stack for
	 * the handler that would tell registers. */
	exit->stop = MACHINE_FAULT;
	exit->fault = (struct guest_fault){
	    .vector = WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS ? EXCEPTION_FORBIDDEN
									: EXCEPTION_ASTRAY,
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
		       struct machine_exit *exit, struct error *error)
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
	if (self->direct)
		return process_direct_run(self, entry, deadline_ns, exit, error);
	uint8_t event;
	self->deadline_ns = self->area.deadline_ns = deadline_ns;
	alarm_next(&machine->alarm, window_control(self->window)); /* before the guest looks */
	int result = self->failed ? self->failed : process_machine_send(self, &command, 1);
	if (!result)
		result = process_machine_await(self, deadline_ns, &event);
	if (result == -ETIMEDOUT) {
		kill(self->pid, SIGKILL); /* stopped while what it wrote is delivered */
		exit->stop = MACHINE_DEADLINE;
		return 0;
	}
	if (result == -EAGAIN) {
		/* Its pipe is full: it makes hypercalls and does not read the answers. */
		exit->stop = MACHINE_FAULT;
		exit->fault = (struct guest_fault){.vector = EXCEPTION_ASTRAY};
		return 0;
	}
	if (result == -EPIPE)
		return process_ended(self, exit, error);
	if (result)
		return error_set_errno(error, -result, "cannot talk to the guest's process");
	const volatile struct guest_control *control = window_control(self->window);
	if (control->hypercall != HYPERCALL_FAULT) {
		exit->stop = MACHINE_HYPERCALL;
		return 0;
	}
	exit->stop = MACHINE_FAULT;
	copy_fault(&exit->fault, &control->fault);
	return 0;
}

/* A guest process that sees the window may write until it is gone, and reset() ends it. */
static bool process_leaves_window(const struct machine *machine)
{
	const struct machine_process *self = (const struct machine_process *)machine;
	return self->direct && !self->direct_setup->ring_length;
}

static int process_reset(struct machine *machine, uint64_t *pages, struct error *error)
{
	*pages = 0;
	int result = process_machine_replace(machine_process(machine), error);
	return result ? error_wrap(error, "cannot reset the guest's process") : 0;
}

const struct isolation isolation_process = {
    .name = "process",
    .has_direct = true,
    .rights = &process_rights,
    .direct_rights = &process_direct_rights,
    .probe = process_host_probe,
    .open = process_host_open,
    .adopt = process_host_adopt,
    .keep = process_host_keep,
    .close = process_host_close,
    .helper = process_host_helper,
    .create = process_create,
    .run = process_run,
    .protect = process_memory_protect,
    .map = process_memory_map,
    .unmap = process_memory_unmap,
    .make_space = process_space_make,
    .switch_space = process_space_switch,
    .drop_space = process_space_drop,
    .leaves_window = process_leaves_window,
    .reset = process_reset,
    .private_bytes = process_memory_private_bytes,
    .destroy = process_destroy,
};
