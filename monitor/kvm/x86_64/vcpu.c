/* The registers of a virtual CPU; see vcpu.h. */
#include "vcpu.h"

#include <errno.h>
#include <sys/ioctl.h>

#include "monitor/x86_64/system_pages.h"

#define VECTOR_DOUBLE_FAULT 8
#define VECTOR_PROTECTION   13

#define MSR_STAR	 0xc0000081
#define MSR_LSTAR	 0xc0000082
#define MSR_SYSCALL_MASK 0xc0000084

/* ── making ──────────────────────────────────────────────────────────────────────────────────── */

void vcpu_system_registers(struct kvm_sregs *sregs)
{
	const struct kvm_segment code = {
	    .limit = 0xffffffff,
	    .selector = SELECTOR_USER_CODE,
	    .present = 1,
	    .type = 11, /* execute, read, accessed */
	    .dpl = 3,
	    .s = 1,
	    .l = 1,
	    .g = 1,
	};
	struct kvm_segment data = code;
	data.type = 3; /* read, write, accessed */
	data.selector = SELECTOR_USER_DATA;
	data.l = 0;
	data.db = 1;
	sregs->cs = code;
	sregs->ds = sregs->es = sregs->ss = data;
	sregs->fs = sregs->gs = data;
	sregs->tr = (struct kvm_segment){
	    .base = SYSTEM_ADDRESS(TSS_OFFSET),
	    .limit = TSS_LIMIT,
	    .selector = SELECTOR_TSS,
	    .present = 1,
	    .type = 11, /* busy 64-bit TSS */
	};
	sregs->gdt.base = SYSTEM_ADDRESS(GDT_OFFSET);
	sregs->gdt.limit = 10 * 8 - 1;
	sregs->idt.base = SYSTEM_ADDRESS(IDT_OFFSET);
	sregs->idt.limit = SYSTEM_EXCEPTIONS * 16 - 1;
	sregs->cr0 = 0x80050033; /* PG AM WP NE ET MP PE */
	sregs->cr3 = IMAGE_SYSTEM_OFFSET + IMAGE_SYSTEM_SIZE;
	sregs->cr4 = 0x50620; /* OSXSAVE FSGSBASE OSXMMEXCPT OSFXSR PAE */
	sregs->efer = 0xd01;  /* NXE LMA LME SCE */
}

/* SYSCALL: STAR's selectors make SYSRET return to 0x33 and 0x2b. */
static int set_model_registers(const struct vcpu *vcpu, uint64_t system_call, struct error *error)
{
	struct {
		struct kvm_msrs header;
		struct kvm_msr_entry entries[3];
	} msrs = {
	    .header.nmsrs = 3,
	    .entries = {{.index = MSR_STAR, .data = 0x0023001000000000UL},
			{.index = MSR_LSTAR, .data = system_call},
			{.index = MSR_SYSCALL_MASK, .data = 0x40700}}, /* AC, DF, IF, TF */
	};
	if (ioctl(vcpu->fd, KVM_SET_MSRS, &msrs) != 3)
		return error_set_errno(error, errno, "KVM_SET_MSRS failed");
	return 0;
}

/* The guest's time stamp counter is the host's, so that one set of clock parameters serves all.
 * Where the kernel cannot do that (before 5.16) the guest asks for the time. */
bool vcpu_share_counter(const struct vcpu *vcpu)
{
	uint64_t offset = 0;
	struct kvm_device_attr attribute = {
	    .group = KVM_VCPU_TSC_CTRL,
	    .attr = KVM_VCPU_TSC_OFFSET,
	    .addr = (uintptr_t)&offset,
	};
	return !ioctl(vcpu->fd, KVM_SET_DEVICE_ATTR, &attribute);
}

int vcpu_prepare(struct vcpu *vcpu, const struct processor *processor, uint64_t system_call,
		 bool *same_counter, struct error *error)
{
	const uint64_t xcr0 = processor->xcr0;
	if (ioctl(vcpu->fd, KVM_SET_CPUID2, &processor->cpuid))
		return error_set_errno(error, errno, "KVM_SET_CPUID2 failed");
	struct kvm_xcrs xcrs = {.nr_xcrs = 1, .xcrs[0].value = xcr0};
	if (xcr0 && ioctl(vcpu->fd, KVM_SET_XCRS, &xcrs))
		return error_set_errno(error, errno, "KVM_SET_XCRS failed");
	int result = set_model_registers(vcpu, system_call, error);
	if (result)
		return result;
	*same_counter = vcpu_share_counter(vcpu);
	if (ioctl(vcpu->fd, KVM_GET_SREGS, &vcpu->system_registers))
		return error_set_errno(error, errno, "KVM_GET_SREGS failed");
	vcpu_system_registers(&vcpu->system_registers);
	return 0;
}

/* ── entering ────────────────────────────────────────────────────────────────────────────────── */

void vcpu_enter(struct vcpu *vcpu, uint64_t address)
{
	struct kvm_run *run = vcpu->run;
	run->s.regs.regs = (struct kvm_regs){.rip = address, .rflags = SYSTEM_RFLAGS};
	run->s.regs.sregs = vcpu->system_registers;
	run->kvm_dirty_regs = KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS;
}

int vcpu_enter_upcall(struct vcpu *vcpu, uint64_t address, struct error *error)
{
	struct kvm_sregs now;
	if (ioctl(vcpu->fd, KVM_GET_SREGS, &now))
		return error_set_errno(error, errno, "cannot read the virtual CPU's registers");
	vcpu_enter(vcpu, address);
	vcpu->run->s.regs.sregs.fs.base = now.fs.base;
	vcpu->run->s.regs.sregs.gs.base = now.gs.base;
	return 0;
}

int vcpu_switch_root(struct vcpu *vcpu, uint64_t root)
{
	struct kvm_sregs *sregs = &vcpu->run->s.regs.sregs;
	/* One that switched will do so again: from now on they come with each exit, which costs a
	 * fraction of an ioctl. */
	if (!(vcpu->run->kvm_valid_regs & KVM_SYNC_X86_SREGS) &&
	    ioctl(vcpu->fd, KVM_GET_SREGS, sregs))
		return -1;
	vcpu->run->kvm_valid_regs |= KVM_SYNC_X86_SREGS;
	vcpu->system_registers.cr3 = sregs->cr3 = root;
	vcpu->run->kvm_dirty_regs |= KVM_SYNC_X86_SREGS;
	return 0;
}

void vcpu_enter_touch(struct vcpu *vcpu, uint64_t list, uint64_t count)
{
	vcpu_enter(vcpu, SYSTEM_TOUCH);
	vcpu->run->s.regs.regs.rsi = list;
	vcpu->run->s.regs.regs.rcx = count;
}

/* ── exits ───────────────────────────────────────────────────────────────────────────────────── */

static bool writes_once(const struct kvm_run *run, uint32_t size)
{
	return run->io.direction == KVM_EXIT_IO_OUT && run->io.size == size && run->io.count == 1;
}

bool vcpu_is_hypercall(const struct vcpu *vcpu)
{
	return vcpu->run->io.port == SYSTEM_PORT_HYPERCALL &&
	       writes_once(vcpu->run, sizeof(uint32_t));
}

static uint64_t stub_vector(const struct kvm_run *run)
{
	return (uint64_t)run->io.port - SYSTEM_PORT_EXCEPTION;
}

bool vcpu_is_stub(const struct vcpu *vcpu)
{
	return stub_vector(vcpu->run) < SYSTEM_EXCEPTIONS && writes_once(vcpu->run, 1);
}

void vcpu_describe_registers(const struct kvm_regs *regs, struct guest_fault *fault)
{
	*fault = (struct guest_fault){
	    .rip = regs->rip,
	    .rsp = regs->rsp,
	    .rflags = regs->rflags,
	    .rax = regs->rax,
	    .rbx = regs->rbx,
	    .rcx = regs->rcx,
	    .rdx = regs->rdx,
	    .rsi = regs->rsi,
	    .rdi = regs->rdi,
	    .rbp = regs->rbp,
	    .r8 = regs->r8,
	    .r9 = regs->r9,
	    .r10 = regs->r10,
	    .r11 = regs->r11,
	    .r12 = regs->r12,
	    .r13 = regs->r13,
	    .r14 = regs->r14,
	    .r15 = regs->r15,
	};
}

static int read_registers(const struct vcpu *vcpu, struct kvm_sregs *sregs,
			  struct guest_fault *fault, struct error *error)
{
	struct kvm_regs regs;
	if (ioctl(vcpu->fd, KVM_GET_REGS, &regs) || ioctl(vcpu->fd, KVM_GET_SREGS, sregs))
		return error_set_errno(error, errno, "cannot read the virtual CPU's registers");
	vcpu_describe_registers(&regs, fault);
	fault->address = sregs->cr2;
	return 0;
}

int vcpu_describe_tick(const struct vcpu *vcpu, struct guest_fault *fault, struct error *error)
{
	struct kvm_sregs sregs = {0};
	int result = read_registers(vcpu, &sregs, fault, error);
	fault->vector = GUEST_VECTOR_TICK;
	return result;
}

/* A stop that no stub reported: the exception KVM was about to inject tells most. */
static uint64_t pending_vector(const struct vcpu *vcpu)
{
	struct kvm_vcpu_events events = {0};
	if (!ioctl(vcpu->fd, KVM_GET_VCPU_EVENTS, &events) && events.exception.nr)
		return events.exception.nr;
	return VECTOR_DOUBLE_FAULT;
}

int vcpu_describe_fault(const struct vcpu *vcpu, const uint8_t *memory, uint64_t size,
			struct guest_fault *fault, struct error *error)
{
	const struct kvm_run *run = vcpu->run;
	const bool is_port = run->exit_reason == KVM_EXIT_IO;
	struct kvm_sregs sregs = {0};
	uint64_t vector = is_port ? stub_vector(run) : pending_vector(vcpu);
	int result = read_registers(vcpu, &sregs, fault, error);
	if (result)
		return result;
	fault->vector = !is_port || vector < SYSTEM_EXCEPTIONS ? vector : VECTOR_PROTECTION;
	if ((sregs.cs.selector & 3) == 0)
		system_pages_read_frame(memory, size, fault->rsp, fault);
	else if (is_port)
		fault->vector = VECTOR_PROTECTION; /* the guest's own IN or OUT, not a stub's */
	return 0;
}

bool vcpu_is_interruptible(const struct vcpu *vcpu)
{
	struct kvm_vcpu_events events = {0};
	return !ioctl(vcpu->fd, KVM_GET_VCPU_EVENTS, &events) && !events.exception.injected &&
	       !events.exception.pending;
}
