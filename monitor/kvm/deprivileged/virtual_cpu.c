/* The virtual processor of a deprivileged kernel; see virtual_cpu.h. */
#include "virtual_cpu.h"

#include <errno.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>

#define REAL_CR0  0x80010033UL /* PG WP NE ET MP PE; no AM: AC is the guest's */
#define REAL_CR4  0x620UL      /* OSXMMEXCPT OSFXSR PAE */
#define REAL_EFER 0x500UL      /* LMA LME */

/* Where kernel_start names none. */
#define SELECTOR_CODE 0x08
#define SELECTOR_DATA 0x10

/* A task register that has no room for an I/O bitmap: all ports trap. */
#define REAL_TSS_LIMIT 0x66

uint64_t virtual_cpu_flags(const struct kernel *kernel)
{
	const struct deprivileged *self = kernel->deprivileged;
	const uint64_t hidden = FLAGS_VIRTUAL | (self->stepping ? FLAG_TRAP : 0);
	return (kernel_regs(kernel)->rflags & ~hidden) | self->cpu.flags;
}

void virtual_cpu_set_flags(struct kernel *kernel, uint64_t flags)
{
	kernel_cpu(kernel)->flags = flags & FLAGS_VIRTUAL;
	kernel_regs(kernel)->rflags = (flags & FLAGS_REAL) | FLAG_FIXED;
	kernel_regs_changed(kernel);
}

void virtual_cpu_follow(struct kernel *kernel)
{
	struct kvm_sregs *sregs = kernel_sregs(kernel);
	const struct virtual_cpu *cpu = kernel_cpu(kernel);
	const uint64_t followed = CR4_FSGSBASE | (kernel->processor->xcr0 ? CR4_OSXSAVE : 0);
	sregs->cr0 = REAL_CR0;
	sregs->cr3 = cpu->cr3 & ~0xfffUL;
	sregs->cr4 = REAL_CR4 | (cpu->cr4 & followed) | (sregs->cr4 & CR4_DE);
	sregs->efer = REAL_EFER | (cpu->efer & (EFER_NXE | EFER_SCE));
	/* SGDT, SIDT and STR are answered with these. Without a limit the IDT is none. */
	sregs->gdt.base = cpu->gdt.base;
	sregs->gdt.limit = (uint16_t)cpu->gdt.limit;
	sregs->idt.base = cpu->idt.base;
	sregs->idt.limit = 0;
	sregs->tr.selector = (uint16_t)cpu->tr;
	kernel_sregs_changed(kernel);
}

void virtual_cpu_forget_exception(struct kernel *kernel)
{
	kernel->vcpu->run->s.regs.events = (struct kvm_vcpu_events){.exception.nr = VECTOR_NONE};
	kernel->vcpu->run->kvm_dirty_regs |= KVM_SYNC_X86_EVENTS;
}

void virtual_cpu_enter(struct kernel *kernel, uint64_t fs_base, uint64_t gs_base)
{
	struct kvm_sregs *sregs = kernel_sregs(kernel);
	const uint64_t debugging = sregs->cr4 & CR4_DE;
	*sregs = kernel->vcpu->system_registers;
	vcpu_system_registers(sregs);
	sregs->cr4 = debugging ^ CR4_DE;
	sregs->tr.base = 0;
	sregs->tr.limit = REAL_TSS_LIMIT;
	sregs->fs.base = fs_base;
	sregs->gs.base = gs_base;
	virtual_cpu_follow(kernel);
	/* No exception of the request before. */
	virtual_cpu_forget_exception(kernel);
	kernel_regs_changed(kernel);
}

void virtual_cpu_prepare(struct kernel *kernel)
{
	struct deprivileged *self = kernel->deprivileged;
	self->real_star = self->real_lstar = self->real_cstar = self->real_syscall_mask = 0;
}

void virtual_cpu_start(struct kernel *kernel)
{
	const struct kernel_start *start = kernel->start;
	const uint64_t data = start->data_selector ? start->data_selector : SELECTOR_DATA;
	struct deprivileged *self = kernel->deprivileged;
	const struct deprivileged before = *self;
	*self = (struct deprivileged){
	    .cpu =
		{
		    .cr0 = start->cr0 | CR0_ET,
		    .cr3 = start->cr3,
		    .cr4 = start->cr4,
		    .efer = start->efer,
		    .pat = 0x0007040600070406, /* as after a reset */
		    .xcr0 = 1,
		    .debug = {[6] = DR6_USUAL, [7] = DR7_USUAL},
		    .gdt = {start->gdt, start->gdt_limit},
		    .cs = start->code_selector ? start->code_selector : SELECTOR_CODE,
		    .ss = data,
		    .ds = data,
		    .es = data,
		    .fs = data,
		    .gs = data,
		    .own_used = start->own_used,
		},
	    .real_star = before.real_star,
	    .real_lstar = before.real_lstar,
	    .real_cstar = before.real_cstar,
	    .real_syscall_mask = before.real_syscall_mask,
	};
	*kernel_regs(kernel) = (struct kvm_regs){
	    .rip = start->rip,
	    .rsp = start->rsp,
	    .rbp = start->rbp,
	    .rsi = start->rsi,
	    .rdi = start->rdi,
	    .rax = start->rax,
	    .rbx = start->rbx,
	    .rflags = FLAG_FIXED,
	};
	virtual_cpu_enter(kernel, 0, 0);
}

int virtual_cpu_set_system_call(struct kernel *kernel, struct error *error)
{
	struct deprivileged *self = kernel->deprivileged;
	const struct virtual_cpu *cpu = &self->cpu;
	if (self->real_star == cpu->star && self->real_lstar == cpu->lstar &&
	    self->real_cstar == cpu->cstar && self->real_syscall_mask == cpu->syscall_mask)
		return 0;
	struct {
		struct kvm_msrs header;
		struct kvm_msr_entry entries[4];
	} msrs = {
	    .header.nmsrs = 4,
	    .entries = {{.index = MSR_STAR, .data = cpu->star},
			{.index = MSR_LSTAR, .data = cpu->lstar},
			{.index = MSR_CSTAR, .data = cpu->cstar},
			{.index = MSR_SYSCALL_MASK, .data = cpu->syscall_mask}},
	};
	if (ioctl(kernel->vcpu->fd, KVM_SET_MSRS, &msrs) != 4)
		return error_set_errno(error, errno, "KVM_SET_MSRS failed");
	self->real_star = cpu->star;
	self->real_lstar = cpu->lstar;
	self->real_cstar = cpu->cstar;
	self->real_syscall_mask = cpu->syscall_mask;
	return 0;
}
