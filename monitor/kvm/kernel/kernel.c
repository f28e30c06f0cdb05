/* What both ways of running a kernel share; see kernel.h. */
#include "kernel.h"

#include <errno.h>
#include <sys/ioctl.h>

#include "util/clock.h"

#define VECTOR_PROTECTION 13

const char kernel_unknown_access[] =
    "it accesses a device by an instruction that KVM does not know";

/* ── running ─────────────────────────────────────────────────────────────────────────────────── */

/* When the machine is to stop at the latest, and to serve devices. */
static uint64_t wake_ns(const struct kernel *kernel)
{
	const uint64_t wanted = kernel->machine->interrupts.wake_ns;
	const uint64_t earliest = kernel->ticked_ns + KERNEL_SLICE_MIN_NS;
	if (!wanted)
		return UINT64_MAX;
	return wanted > earliest ? wanted : earliest;
}

int kernel_arm(struct kernel *kernel, uint64_t deadline_ns, struct error *error)
{
	const uint64_t wake = wake_ns(kernel);
	const uint64_t when = wake < deadline_ns ? wake : deadline_ns;
	return deadline_arm(kernel->deadline, machine_look_ns(kernel->machine, when), error);
}

int kernel_interrupted(struct kernel *kernel, uint64_t deadline_ns, struct machine_exit *exit,
		       bool *stopped, struct error *error)
{
	kernel->vcpu->run->immediate_exit = 0;
	const uint64_t now = clock_now_ns();
	*stopped = true;
	if (now >= deadline_ns || machine_is_unwanted(kernel->machine)) {
		kernel->unfinished = true;
		*exit = (struct machine_exit){.stop = MACHINE_DEADLINE};
		return 0;
	}
	if (now >= wake_ns(kernel)) {
		kernel->ticked_ns = now;
		*exit = (struct machine_exit){.stop = MACHINE_TICK};
		return 0;
	}
	*stopped = false;
	return kernel_arm(kernel, deadline_ns, error);
}

/* ── exits ───────────────────────────────────────────────────────────────────────────────────── */

void kernel_describe_port(struct kernel *kernel, struct machine_exit *exit)
{
	struct kvm_run *run = kernel->vcpu->run;
	*exit = (struct machine_exit){
	    .stop = MACHINE_PORT,
	    .access =
		{
		    .address = run->io.port,
		    .size = run->io.size,
		    .count = run->io.count,
		    .is_write = run->io.direction == KVM_EXIT_IO_OUT,
		    .data = (uint8_t *)run + run->io.data_offset,
		},
	};
	kernel->unfinished = kernel->accessing = true;
}

void kernel_describe_memory(struct kernel *kernel, struct machine_exit *exit)
{
	struct kvm_run *run = kernel->vcpu->run;
	*exit = (struct machine_exit){
	    .stop = MACHINE_MEMORY,
	    .access =
		{
		    .address = run->mmio.phys_addr,
		    .size = run->mmio.len,
		    .count = 1,
		    .is_write = run->mmio.is_write,
		    .data = run->mmio.data,
		},
	};
	kernel->unfinished = kernel->accessing = true;
	kernel->reading = !run->mmio.is_write;
}

void kernel_inspect(const struct kernel *kernel, struct guest_fault *fault)
{
	const struct kvm_sync_regs *now = &kernel->vcpu->run->s.regs;
	vcpu_describe_registers(&now->regs, fault);
	fault->address = now->sregs.cr2;
	fault->vector = VECTOR_PROTECTION;
}

void kernel_describe_fault(struct kernel *kernel, uint64_t vector, uint64_t error_code,
			   const char *reason, struct machine_exit *exit)
{
	*exit = (struct machine_exit){.stop = MACHINE_FAULT, .reason = reason};
	kernel_inspect(kernel, &exit->fault);
	exit->fault.vector = vector;
	exit->fault.error_code = error_code;
}

/* An instruction that makes several accesses stops for each. */
static bool describe_next_access(struct kernel *kernel, struct machine_exit *exit)
{
	switch (kernel->vcpu->run->exit_reason) {
	case KVM_EXIT_IO:
		kernel_describe_port(kernel, exit);
		return true;
	case KVM_EXIT_MMIO:
		kernel_describe_memory(kernel, exit);
		return true;
	case KVM_EXIT_INTERNAL_ERROR:
		kernel->accessing = false; /* and unfinished for good */
		kernel_describe_fault(kernel, VECTOR_PROTECTION, 0, kernel_unknown_access, exit);
		return true;
	default:
		return false;
	}
}

int kernel_finish_access(struct kernel *kernel, struct machine_exit *exit, bool *stopped,
			 struct error *error)
{
	struct kvm_run *run = kernel->vcpu->run;
	*stopped = false;
	if (!kernel->accessing)
		return 0;
	run->immediate_exit = 1;
	const int result = ioctl(kernel->vcpu->fd, KVM_RUN, 0) ? errno : 0;
	run->immediate_exit = 0;
	kernel->deadline->armed_ns = 0; /* its signal may have come meanwhile */
	*stopped = !result && describe_next_access(kernel, exit);
	if (*stopped)
		return 0;
	if (result != EINTR)
		return error_set_errno(error, result ? result : EIO, "cannot stop the virtual CPU");
	kernel->accessing = kernel->unfinished = false;
	return 0;
}
