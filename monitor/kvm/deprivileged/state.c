/* The processor of a deprivileged kernel in snapshots: the virtual one, and the real registers that
 * the guest has. A snapshot's bytes may be anybody's. All that is taken from there the guest could
 * have set by itself, and goes through the same places. */
#include "state.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "address_space.h"
#include "monitor/kvm/x86_64/cpu_state.h"
#include "port_io.h"
#include "sizes/sizes.h"

#define STATE_MAGIC 0x31766972706564UL /* "depriv1" */

struct saved_kernel {
	uint64_t magic;
	uint64_t halted;
	struct kvm_regs regs;
	uint64_t fs_base, gs_base;
	struct virtual_cpu cpu;
	struct kvm_xsave xsave;
};
_Static_assert(sizeof(struct saved_kernel) <= MACHINE_STATE_MAX, "it fits");

int deprivileged_save(struct kernel *kernel, struct machine_state *state, struct error *error)
{
	struct deprivileged *self = kernel->deprivileged;
	struct exception exception;
	struct saved_kernel saved = {.magic = STATE_MAGIC, .halted = kernel->halted};
	if (self->emulated)
		return error_set(error, EOPNOTSUPP,
				 "a kernel cannot be saved before it is in 64-bit mode");
	/* Nobody served it: it reads what it would of a port that is not there. */
	port_finish(kernel, &exception);
	space_take_back(kernel);
	int result =
	    cpu_state_read_extended(kernel->vcpu, kernel->processor->xcr0, &saved.xsave, error);
	if (result)
		return result;
	saved.regs = *kernel_regs(kernel);
	if (self->stepping)
		saved.regs.rflags &= ~FLAG_TRAP;
	saved.fs_base = kernel_sregs(kernel)->fs.base;
	saved.gs_base = kernel_sregs(kernel)->gs.base;
	saved.cpu = self->cpu;
	memcpy(state->bytes, &saved, sizeof(saved));
	state->length = sizeof(saved);
	return 0;
}

/* Addresses that a real register takes only where they are canonical. */
static bool addresses_are_sound(const struct saved_kernel *saved)
{
	const uint64_t addresses[] = {
	    saved->regs.rip,	       saved->fs_base,	    saved->gs_base,
	    saved->cpu.kernel_gs_base, saved->cpu.lstar,    saved->cpu.cstar,
	    saved->cpu.gdt.base,       saved->cpu.idt.base, saved->cpu.tss.base,
	};
	for (size_t i = 0; i < ARRAY_SIZE(addresses); i++)
		if (!address_is_canonical(addresses[i]))
			return false;
	return true;
}

bool deprivileged_state_is_sound(const struct machine_state *state, uint64_t xcr0)
{
	struct saved_kernel saved;
	if (state->length != sizeof(saved))
		return false;
	memcpy(&saved, state->bytes, sizeof(saved));
	const struct virtual_cpu *cpu = &saved.cpu;
	return saved.magic == STATE_MAGIC && saved.halted <= 1 && addresses_are_sound(&saved) &&
	       cpu_state_extended_is_sound(&saved.xsave, xcr0) && cpu->cr0 & CR0_PG &&
	       cpu->efer & EFER_LMA && cpu->gdt.limit <= UINT16_MAX &&
	       cpu->idt.limit <= UINT16_MAX && cpu->tss.limit <= UINT32_MAX &&
	       cpu->syscall_mask <= UINT32_MAX && !(cpu->flags & ~FLAGS_VIRTUAL) &&
	       cpu->own_used <= KERNEL_OWN_SIZE && !(cpu->own_used % GUEST_PAGE_SIZE);
}

uint64_t deprivileged_state_tables(const struct machine_state *state)
{
	struct saved_kernel saved;
	memcpy(&saved, state->bytes, sizeof(saved));
	return saved.cpu.cr3;
}

int deprivileged_restore(struct kernel *kernel, const struct machine_state *state,
			 struct error *error)
{
	struct deprivileged *self = kernel->deprivileged;
	struct saved_kernel saved;
	memcpy(&saved, state->bytes, sizeof(saved));
	if (ioctl(kernel->vcpu->fd, KVM_SET_XSAVE, &saved.xsave))
		return error_set_errno(error, errno, "cannot set the virtual CPU's registers");
	self->cpu = saved.cpu;
	self->lent_count = 0;
	memset(self->call_sites, 0, sizeof(self->call_sites));
	memset(self->opened, 0, sizeof(self->opened));
	self->emulated = self->read.pending = self->shadow = self->stepping = self->debug_due =
	    self->at_port = false;
	kernel->halted = saved.halted;
	*kernel_regs(kernel) = saved.regs;
	kernel_regs(kernel)->rflags = (saved.regs.rflags & FLAGS_REAL) | FLAG_FIXED;
	virtual_cpu_enter(kernel, saved.fs_base, saved.gs_base);
	return 0;
}
