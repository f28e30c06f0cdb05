/* The state of a processor of ring 0; see ring0_state.h. References: Intel SDM 3A, 9.1.1 (after a
 * reset); volume 1, 13.4 (the XSAVE area); Documentation/virt/kvm/api.rst. */
#include "ring0_state.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "monitor/kvm/x86_64/cpu_state.h"
#include "sizes/sizes.h"

#define XCR0_X87       1UL
#define X87_CONTROL    0x37f
#define VECTOR_CONTROL 0x1f80 /* MXCSR: all exceptions masked */
#define XSAVE_MXCSR    24
#define DEBUG_STATUS   0xffff0ff0UL
#define DEBUG_CONTROL  0x400UL

static const struct {
	uint32_t index;
	uint64_t first; /* after a reset */
} model_registers[RING0_MODEL_REGISTERS] = {
    {0x174, 0},							   /* SYSENTER: CS, ESP, EIP */
    {0x175, 0},	     {0x176, 0},      {0x277, 0x0007040600070406}, /* PAT */
    {0xc0000081, 0},						   /* STAR, LSTAR, CSTAR, SFMASK */
    {0xc0000082, 0}, {0xc0000083, 0}, {0xc0000084, 0},
    {0xc0000102, 0}, /* KERNEL_GS_BASE */
    {0xc0000103, 0}, /* TSC_AUX; not every processor has it */
    {0x4b564d00, 0}, /* KVM's clock: wall time, system time */
    {0x4b564d01, 0},
};

struct one_register {
	struct kvm_msrs header;
	struct kvm_msr_entry entry;
};

void ring0_state_init(struct ring0_state *state, bool has_xcr0)
{
	const uint16_t control = X87_CONTROL;
	const uint32_t vectors = VECTOR_CONTROL;
	*state = (struct ring0_state){
	    .debug = {.dr6 = DEBUG_STATUS, .dr7 = DEBUG_CONTROL},
	    .xcr0 = has_xcr0 ? XCR0_X87 : 0,
	};
	for (size_t i = 0; i < RING0_MODEL_REGISTERS; i++)
		state->model[i] = model_registers[i].first;
	memcpy(&state->xsave, &control, sizeof(control));
	memcpy((uint8_t *)&state->xsave + XSAVE_MXCSR, &vectors, sizeof(vectors));
}

/* One by one: what a processor does not have reads as zero, and is not written. */
static void read_model_registers(const struct vcpu *vcpu, uint64_t *values)
{
	for (size_t i = 0; i < RING0_MODEL_REGISTERS; i++) {
		struct one_register one = {.header.nmsrs = 1,
					   .entry.index = model_registers[i].index};
		if (ioctl(vcpu->fd, KVM_GET_MSRS, &one) == 1)
			values[i] = one.entry.data;
	}
}

static bool write_model_registers(const struct vcpu *vcpu, const uint64_t *values)
{
	for (size_t i = 0; i < RING0_MODEL_REGISTERS; i++) {
		struct one_register one = {
		    .header.nmsrs = 1,
		    .entry = {.index = model_registers[i].index, .data = values[i]},
		};
		if (ioctl(vcpu->fd, KVM_SET_MSRS, &one) != 1 && values[i])
			return false;
	}
	return true;
}

int ring0_state_read(const struct vcpu *vcpu, uint64_t xcr0, struct ring0_state *state,
		     struct error *error)
{
	struct kvm_xcrs xcrs = {0};
	*state = (struct ring0_state){0};
	int result = cpu_state_read_extended(vcpu, xcr0, &state->xsave, error);
	if (result)
		return result;
	if (ioctl(vcpu->fd, KVM_GET_REGS, &state->regs) ||
	    ioctl(vcpu->fd, KVM_GET_SREGS, &state->sregs) ||
	    ioctl(vcpu->fd, KVM_GET_VCPU_EVENTS, &state->events) ||
	    ioctl(vcpu->fd, KVM_GET_DEBUGREGS, &state->debug))
		return error_set_errno(error, errno, "cannot read the virtual CPU's registers");
	/* The interrupt that this names is in `events`, too. */
	memset(state->sregs.interrupt_bitmap, 0, sizeof(state->sregs.interrupt_bitmap));
	if (!ioctl(vcpu->fd, KVM_GET_XCRS, &xcrs) && xcrs.nr_xcrs)
		state->xcr0 = xcrs.xcrs[0].value;
	read_model_registers(vcpu, state->model);
	return 0;
}

int ring0_state_write(const struct vcpu *vcpu, const struct ring0_state *state, struct error *error)
{
	const struct kvm_xcrs xcrs = {.nr_xcrs = 1, .xcrs[0].value = state->xcr0};
	struct kvm_run *run = vcpu->run;
	if ((state->xcr0 && ioctl(vcpu->fd, KVM_SET_XCRS, &xcrs)) ||
	    ioctl(vcpu->fd, KVM_SET_XSAVE, &state->xsave) ||
	    ioctl(vcpu->fd, KVM_SET_DEBUGREGS, &state->debug) ||
	    ioctl(vcpu->fd, KVM_SET_VCPU_EVENTS, &state->events) ||
	    !write_model_registers(vcpu, state->model))
		return error_set_errno(error, errno ? errno : EINVAL,
				       "cannot set the virtual CPU's registers");
	run->s.regs.regs = state->regs;
	run->s.regs.sregs = state->sregs;
	run->kvm_dirty_regs = KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS;
	return 0;
}

bool ring0_state_fits(const struct ring0_state *state, uint64_t xcr0)
{
	return cpu_state_extended_is_sound(&state->xsave, xcr0) && !(state->xcr0 & ~xcr0);
}
