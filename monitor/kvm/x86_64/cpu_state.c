/* The state of a virtual CPU; see cpu_state.h. References: Documentation/virt/kvm/api.rst; Intel SDM
 * volume 1, 13.4 (the XSAVE area). */
#include "cpu_state.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "monitor/x86_64/system_pages.h"
#include "sizes/sizes.h"

/* CF, PF, AF, ZF, SF, DF, OF, AC, ID: what code of ring 3 may set without stopping at each step. */
#define FLAGS_KEPT 0x240cd5UL

#define ADDRESS_LIMIT (1UL << 47)

#define XSAVE_MXCSR	  24 /* bytes from the start, and for the rest */
#define XSAVE_HEADER	  512
#define XSAVE_HEADER_SIZE 64
#define XCR0_LEGACY	  3UL /* x87 and SSE, which need no XCR0 */
#define MXCSR_KNOWN	  0xffffU
#define MXCSR_FIRST	  0x1f80U

struct cpu_state {
	struct kvm_regs regs;
	uint64_t fs_base, gs_base;
	struct kvm_xsave xsave;
};
_Static_assert(sizeof(struct cpu_state) <= MACHINE_STATE_MAX, "it fits");

/* A port access ends, with its instruction behind it, when KVM_RUN is entered again; an immediate
 * exit is as good as any other. */
static int finish_exit(const struct vcpu *vcpu, struct error *error)
{
	vcpu->run->immediate_exit = 1;
	int result = ioctl(vcpu->fd, KVM_RUN, 0);
	vcpu->run->immediate_exit = 0;
	if (result && errno == EINTR)
		return 0;
	return error_set_errno(error, result ? errno : EIO, "cannot stop the virtual CPU");
}

static uint64_t known_components(uint64_t xcr0)
{
	return xcr0 ? xcr0 : XCR0_LEGACY;
}

int cpu_state_read_extended(const struct vcpu *vcpu, uint64_t xcr0, struct kvm_xsave *extended,
			    struct error *error)
{
	uint64_t present;
	uint8_t *header = (uint8_t *)extended + XSAVE_HEADER;
	if (ioctl(vcpu->fd, KVM_GET_XSAVE, extended))
		return error_set_errno(error, errno, "cannot read the virtual CPU's registers");
	memcpy(&present, header, sizeof(present));
	present &= known_components(xcr0);
	memcpy(header, &present, sizeof(present));
	return 0;
}

int cpu_state_save(const struct vcpu *vcpu, uint64_t xcr0, struct machine_state *state,
		   struct error *error)
{
	struct cpu_state now = {0};
	struct kvm_sregs sregs;
	int result = finish_exit(vcpu, error);
	if (!result)
		result = cpu_state_read_extended(vcpu, xcr0, &now.xsave, error);
	if (result)
		return result;
	if (ioctl(vcpu->fd, KVM_GET_REGS, &now.regs) || ioctl(vcpu->fd, KVM_GET_SREGS, &sregs))
		return error_set_errno(error, errno, "cannot read the virtual CPU's registers");
	now.fs_base = sregs.fs.base;
	now.gs_base = sregs.gs.base;
	memcpy(state->bytes, &now, sizeof(now));
	state->length = sizeof(now);
	return 0;
}

bool cpu_state_extended_is_sound(const struct kvm_xsave *extended, uint64_t xcr0)
{
	uint64_t header[XSAVE_HEADER_SIZE / sizeof(uint64_t)];
	uint32_t mxcsr;
	memcpy(header, (const uint8_t *)extended + XSAVE_HEADER, sizeof(header));
	memcpy(&mxcsr, (const uint8_t *)extended + XSAVE_MXCSR, sizeof(mxcsr));
	/* XSTATE_BV names components that there are; no compaction, nothing reserved. */
	if (header[0] & ~known_components(xcr0))
		return false;
	for (size_t i = 1; i < ARRAY_SIZE(header); i++)
		if (header[i])
			return false;
	return !(mxcsr & ~MXCSR_KNOWN);
}

bool cpu_state_is_sound(const struct machine_state *state, uint64_t xcr0)
{
	struct cpu_state saved;
	if (state->length != sizeof(saved))
		return false;
	memcpy(&saved, state->bytes, sizeof(saved));
	return cpu_state_extended_is_sound(&saved.xsave, xcr0) && saved.fs_base < ADDRESS_LIMIT &&
	       saved.gs_base < ADDRESS_LIMIT && saved.regs.rip < ADDRESS_LIMIT;
}

int cpu_state_clear_extended(const struct vcpu *vcpu, struct error *error)
{
	/* XSTATE_BV is zero: all components have their first values. MXCSR is no component. */
	struct kvm_xsave xsave = {0};
	const uint32_t mxcsr = MXCSR_FIRST;
	memcpy((uint8_t *)&xsave + XSAVE_MXCSR, &mxcsr, sizeof(mxcsr));
	if (ioctl(vcpu->fd, KVM_SET_XSAVE, &xsave))
		return error_set_errno(error, errno, "cannot set the virtual CPU's registers");
	return 0;
}

int cpu_state_restore(const struct vcpu *vcpu, const struct machine_state *state,
		      struct error *error)
{
	struct kvm_run *run = vcpu->run;
	struct cpu_state saved;
	memcpy(&saved, state->bytes, sizeof(saved));
	if (ioctl(vcpu->fd, KVM_SET_XSAVE, &saved.xsave))
		return error_set_errno(error, errno, "cannot set the virtual CPU's registers");
	run->s.regs.regs = saved.regs;
	run->s.regs.regs.rflags = (saved.regs.rflags & FLAGS_KEPT) | SYSTEM_RFLAGS;
	run->s.regs.sregs = vcpu->system_registers;
	run->s.regs.sregs.fs.base = saved.fs_base;
	run->s.regs.sregs.gs.base = saved.gs_base;
	run->kvm_dirty_regs = KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS;
	return 0;
}
