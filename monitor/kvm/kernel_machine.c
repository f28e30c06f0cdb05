/* Machines of kernels, in either way; see kernel_machine.h. */
#include "kernel_machine.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include "deprivileged/address_space.h"
#include "deprivileged/deprivileged.h"
#include "deprivileged/frozen_tables.h"
#include "deprivileged/port_loop.h"
#include "deprivileged/state.h"
#include "deprivileged/virtual_cpu.h"
#include "kernel/cpuid.h"
#include "kernel/ring0.h"
#include "sizes/sizes.h"

#define APIC_ENABLED 0x800UL

/* ── making ──────────────────────────────────────────────────────────────────────────────────── */

int kernel_init(struct kernel *kernel, struct error *error)
{
	kernel->shown = calloc(1, sizeof(*kernel->shown));
	if (!kernel->shown)
		return error_set(error, ENOMEM, "no memory for a kernel");
	if (kernel->way != KERNEL_WAY_DEPRIVILEGED)
		return 0;
	kernel->deprivileged = calloc(1, sizeof(*kernel->deprivileged));
	if (!kernel->deprivileged)
		return error_set(error, ENOMEM, "no memory for a kernel");
	kernel->loop = port_loop_create(error);
	if (!kernel->loop)
		return -ENOMEM;
	if (!kernel->state)
		return 0;
	return frozen_tables_create(&kernel->frozen, kernel->image,
				    deprivileged_state_tables(kernel->state), error);
}

void kernel_release(struct kernel *kernel)
{
	free(kernel->shown);
	free(kernel->deprivileged);
	port_loop_release(kernel->loop);
	kernel->loop = NULL;
	frozen_tables_release(kernel->frozen);
	kernel->shown = NULL;
	kernel->deprivileged = NULL;
	kernel->frozen = NULL;
}

/* CPUID with what a kernel expects there. */
static int set_cpuid(struct kernel *kernel, struct error *error)
{
	const int counter_khz = ioctl(kernel->vcpu->fd, KVM_GET_TSC_KHZ, 0);
	*kernel->shown = *kernel->processor;
	cpuid_for_kernels(kernel->shown, kernel->way, counter_khz > 0 ? (uint32_t)counter_khz : 0);
	if (ioctl(kernel->vcpu->fd, KVM_SET_CPUID2, &kernel->shown->cpuid))
		return error_set_errno(error, errno, "KVM_SET_CPUID2 failed");
	return 0;
}

int kernel_prepare(struct kernel *kernel, struct error *error)
{
	struct vcpu *vcpu = kernel->vcpu;
	const uint64_t xcr0 = kernel->processor->xcr0;
	kernel->halted = kernel->accessing = kernel->unfinished = kernel->forget = false;
	kernel->had_ring0 = kernel->way == KERNEL_WAY_RING_0;
	kernel->stale = 0;
	int result = set_cpuid(kernel, error);
	if (result)
		return result;
	struct kvm_xcrs xcrs = {.nr_xcrs = 1, .xcrs[0].value = xcr0};
	/* Deprivileged, the guest's XCR0 is virtual, and the real one allows all. */
	if (xcr0 && kernel->way == KERNEL_WAY_DEPRIVILEGED && ioctl(vcpu->fd, KVM_SET_XCRS, &xcrs))
		return error_set_errno(error, errno, "KVM_SET_XCRS failed");
	kernel->machine->same_counter = vcpu_share_counter(vcpu);
	if (ioctl(vcpu->fd, KVM_GET_SREGS, &vcpu->system_registers))
		return error_set_errno(error, errno, "KVM_GET_SREGS failed");
	/* With an APIC that is off, CPUID says that there is none. */
	vcpu->system_registers.apic_base &= ~APIC_ENABLED;
	vcpu->run->kvm_valid_regs = KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS | KVM_SYNC_X86_EVENTS;
	if (kernel->way == KERNEL_WAY_DEPRIVILEGED)
		virtual_cpu_prepare(kernel);
	return 0;
}

/* ── running ─────────────────────────────────────────────────────────────────────────────────── */

/* *stopped: it has stopped again before it ran, and *exit says why. */
static int enter(struct kernel *kernel, enum machine_entry entry, struct machine_exit *exit,
		 bool *stopped, struct error *error)
{
	const bool ring0 = kernel->way == KERNEL_WAY_RING_0;
	switch (entry) {
	case MACHINE_START:
		kernel->halted = kernel->accessing = kernel->unfinished = false;
		return ring0 ? ring0_start(kernel, error) : deprivileged_start(kernel, error);
	case MACHINE_RESUME:
		if (!kernel->state)
			return error_set(error, EINVAL, "a kernel has nothing to resume from");
		kernel->halted = kernel->accessing = kernel->unfinished = false;
		return ring0 ? ring0_restore(kernel, kernel->state, error)
			     : deprivileged_restore(kernel, kernel->state, error);
	case MACHINE_CONTINUE:
	case MACHINE_UPCALL: /* of native guests only */
		break;
	}
	/* With an interrupt the registers must be final; else KVM_RUN makes them so by itself. */
	if (kernel_interrupt_pending(kernel) || (!ring0 && kernel->deprivileged->emulated))
		return kernel_finish_access(kernel, exit, stopped, error);
	if (!ring0 && kernel->accessing && kernel->reading)
		return deprivileged_finish_read(kernel, exit, stopped, error);
	kernel->accessing = kernel->unfinished = false;
	return 0;
}

int kernel_run(struct kernel *kernel, enum machine_entry entry, uint64_t deadline_ns,
	       struct machine_exit *exit, struct error *error)
{
	bool stopped = false;
	int result = enter(kernel, entry, exit, &stopped, error);
	if (result || stopped)
		return result;
	if (kernel->way == KERNEL_WAY_RING_0 && kernel->halted &&
	    !kernel_interrupt_pending(kernel)) {
		*exit = (struct machine_exit){.stop = MACHINE_HALT,
					      .is_final = !kernel->vcpu->run->if_flag};
		return 0;
	}
	if (kernel->way == KERNEL_WAY_RING_0)
		return ring0_run(kernel, deadline_ns, exit, error);
	return deprivileged_run(kernel, deadline_ns, exit, error);
}

/* ── memory, saving and resetting ────────────────────────────────────────────────────────────── */

uint8_t *kernel_memory(struct kernel *kernel, uint64_t physical, uint64_t length)
{
	return space_memory(kernel, physical, length);
}

int kernel_save(struct kernel *kernel, struct machine_state *state, struct error *error)
{
	struct machine_exit exit;
	bool stopped;
	int result = kernel_finish_access(kernel, &exit, &stopped, error);
	if (result)
		return result;
	if (stopped)
		return error_set(error, EBUSY, "a kernel cannot be saved within an instruction");
	return kernel->way == KERNEL_WAY_RING_0 ? ring0_save(kernel, state, error)
						: deprivileged_save(kernel, state, error);
}

void kernel_settle(struct kernel *kernel)
{
	struct machine_exit exit;
	bool stopped;
	if (!kernel->had_ring0)
		kernel_finish_access(kernel, &exit, &stopped, NULL);
}

bool kernel_state_is_sound(enum kernel_way way, const struct machine_state *state, uint64_t xcr0)
{
	return way == KERNEL_WAY_RING_0 ? ring0_state_is_sound(state, xcr0)
					: deprivileged_state_is_sound(state, xcr0);
}

void kernel_note_written(struct kernel *kernel, uint64_t start, uint64_t end)
{
	if (kernel->forget)
		return;
	if (!kernel->frozen || frozen_tables_changed(kernel->frozen, kernel->memory, start, end))
		kernel->forget = true;
}
