/* The first steps of a kernel that begins in 32 bits; see protected.h. */
#include "protected.h"

#include <errno.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>

#include "address_space.h"
#include "identify.h"
#include "monitor/kvm/kernel/flags.h"
#include "monitor/kvm/kernel/ring0.h"
#include "sizes/sizes.h"

static bool is_in_long_mode(const struct kernel *kernel)
{
	const struct kvm_sregs *sregs = kernel_sregs(kernel);
	return sregs->efer & EFER_LMA && sregs->cs.l;
}

int protected_start(struct kernel *kernel, struct error *error)
{
	virtual_cpu_start(kernel);
	kernel->deprivileged->emulated = kernel->had_ring0 = true;
	/* What that has set in the real processor, this sets anew. */
	return ring0_start(kernel, error);
}

/* Those that the emulator keeps for the guest. */
static int take_model_registers(struct kernel *kernel, struct error *error)
{
	struct virtual_cpu *cpu = kernel_cpu(kernel);
	struct deprivileged *self = kernel->deprivileged;
	struct {
		struct kvm_msrs header;
		struct kvm_msr_entry entries[5];
	} msrs = {
	    .header.nmsrs = 5,
	    .entries = {{.index = MSR_STAR},
			{.index = MSR_LSTAR},
			{.index = MSR_CSTAR},
			{.index = MSR_SYSCALL_MASK},
			{.index = MSR_KERNEL_GS}},
	};
	if (ioctl(kernel->vcpu->fd, KVM_GET_MSRS, &msrs) != 5)
		return error_set_errno(error, errno, "KVM_GET_MSRS failed");
	self->real_star = cpu->star = msrs.entries[0].data;
	self->real_lstar = cpu->lstar = msrs.entries[1].data;
	self->real_cstar = cpu->cstar = msrs.entries[2].data;
	self->real_syscall_mask = cpu->syscall_mask = msrs.entries[3].data;
	cpu->kernel_gs_base = msrs.entries[4].data;
	return 0;
}

static void take_registers(struct kernel *kernel)
{
	struct virtual_cpu *cpu = kernel_cpu(kernel);
	const struct kvm_sregs sregs = *kernel_sregs(kernel);
	cpu->cr0 = sregs.cr0 | CR0_ET;
	cpu->cr2 = sregs.cr2;
	cpu->cr3 = sregs.cr3;
	cpu->cr4 = sregs.cr4;
	cpu->cr8 = sregs.cr8 & 15;
	cpu->efer = sregs.efer & (EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE);
	cpu->gdt = (struct descriptor_table){sregs.gdt.base, sregs.gdt.limit};
	cpu->idt = (struct descriptor_table){sregs.idt.base, sregs.idt.limit};
	cpu->tss = (struct descriptor_table){sregs.tr.base, sregs.tr.limit};
	cpu->cs = sregs.cs.selector;
	cpu->ss = sregs.ss.selector;
	cpu->ds = sregs.ds.selector;
	cpu->es = sregs.es.selector;
	cpu->fs = sregs.fs.selector;
	cpu->gs = sregs.gs.selector;
	cpu->tr = sregs.tr.selector;
	virtual_cpu_set_flags(kernel, kernel_regs(kernel)->rflags);
	virtual_cpu_enter(kernel, sregs.fs.base, sregs.gs.base);
	space_load(kernel);
}

int protected_take_over(struct kernel *kernel, struct error *error)
{
	const struct kvm_xcrs xcrs = {.nr_xcrs = 1, .xcrs[0].value = kernel->processor->xcr0};
	if (!kernel->deprivileged->emulated || !is_in_long_mode(kernel))
		return 0;
	int result = take_model_registers(kernel, error);
	if (result)
		return result;
	if (xcrs.xcrs[0].value && ioctl(kernel->vcpu->fd, KVM_SET_XCRS, &xcrs))
		return error_set_errno(error, errno, "KVM_SET_XCRS failed");
	kernel->deprivileged->emulated = false;
	take_registers(kernel);
	return 0;
}

/* The INT3 in the place of CPUID, which the emulator does not do: code of 32 bits is rewritten with the
 * other code. True: done. */
static bool identify(struct kernel *kernel)
{
	struct kvm_regs *regs = kernel_regs(kernel);
	const struct kernel_flags_site site =
	    kernel_flags_site(kernel->memory, kernel->start, regs->rip + 1);
	if (site.instruction != KERNEL_FLAGS_CPUID)
		return false;
	regs->rip = site.next;
	identify_processor(kernel);
	return true;
}

bool protected_serve_exit(struct kernel *kernel, struct machine_exit *exit)
{
	switch (kernel->vcpu->run->exit_reason) {
	case KVM_EXIT_IO:
		kernel_describe_port(kernel, exit);
		return false;
	case KVM_EXIT_MMIO:
		kernel_describe_memory(kernel, exit);
		return false;
	case KVM_EXIT_HLT:
		if (is_in_long_mode(kernel)) { /* it may be waiting for an interrupt */
			kernel->halted = true;
			return true;
		}
		*exit = (struct machine_exit){.stop = MACHINE_HALT, .is_final = true};
		return false;
	case KVM_EXIT_INTERNAL_ERROR:
		if (is_in_long_mode(kernel) || identify(kernel))
			return true;
		kernel->unfinished = true;
		kernel_describe_fault(kernel, VECTOR_INVALID_INSTRUCTION, 0,
				      "it has code of 32 bits that KVM cannot emulate here", exit);
		return false;
	default:
		kernel->unfinished = true;
		kernel_describe_fault(kernel, VECTOR_DOUBLE_FAULT, 0, NULL, exit);
		return false;
	}
}
