/* Control, debug and model-specific registers of a deprivileged kernel. References: SDM 3A, 2.5
 * (control registers), 4; SDM 4 (model-specific registers). */
#include "control.h"

#include <x86intrin.h>

#include "address_space.h"

#define CR0_KNOWN 0xe005003fUL
/* No virtual-8086 mode, PCIDs, five levels of tables, or virtual machines in it. */
#define CR4_KNOWN  0x750ffcUL
#define EFER_KNOWN (EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE)
#define CR3_KNOWN  0x000ffffffffff018UL
#define XCR0_X87   1UL

#define MSR_COUNTER	0x10
#define MSR_MICROCODE	0x8b
#define MSR_MISC_ENABLE 0x1a0
#define MSR_PAT		0x277
#define MSR_EFER	0xc0000080
#define MSR_FS_BASE	0xc0000100
#define MSR_GS_BASE	0xc0000101
#define MSR_COUNTER_AUX 0xc0000103

static enum emulation_result protection_fault(struct emulation *emulation)
{
	return emulation_faults(emulation, exception_with_code(VECTOR_PROTECTION, 0));
}

/* ── control and debug registers ─────────────────────────────────────────────────────────────── */

static enum emulation_result write_cr0(struct kernel *kernel, struct emulation *emulation,
				       uint64_t value)
{
	struct virtual_cpu *cpu = kernel_cpu(kernel);
	if (value & ~CR0_KNOWN || (value & CR0_PG && !(value & CR0_PE)) ||
	    (value & CR0_NW && !(value & CR0_CD)))
		return protection_fault(emulation);
	if (!(value & CR0_PG))
		return emulation_refused(emulation,
					 "it leaves 64-bit mode, which a kernel that runs "
					 "deprivileged cannot (docs/unikernels.md)");
	const bool protects = value & CR0_WP && !(cpu->cr0 & CR0_WP);
	cpu->cr0 = value | CR0_ET;
	if (protects)
		space_take_back(kernel);
	return EMULATION_DONE;
}

static enum emulation_result write_cr3(struct kernel *kernel, struct emulation *emulation,
				       uint64_t value)
{
	if (value & ~CR3_KNOWN)
		return protection_fault(emulation);
	kernel_cpu(kernel)->cr3 = value;
	virtual_cpu_follow(kernel);
	space_load(kernel);
	return EMULATION_DONE;
}

static enum emulation_result write_cr4(struct kernel *kernel, struct emulation *emulation,
				       uint64_t value)
{
	struct virtual_cpu *cpu = kernel_cpu(kernel);
	if (value & ~CR4_KNOWN || !(value & CR4_PAE))
		return protection_fault(emulation);
	cpu->cr4 = value;
	virtual_cpu_follow(kernel);
	space_flush(kernel);
	return EMULATION_DONE;
}

static enum emulation_result write_control(struct kernel *kernel, struct emulation *emulation,
					   unsigned number, uint64_t value)
{
	switch (number) {
	case 0:
		return write_cr0(kernel, emulation, value);
	case 2:
		kernel_cpu(kernel)->cr2 = value;
		return EMULATION_DONE;
	case 3:
		return write_cr3(kernel, emulation, value);
	case 4:
		return write_cr4(kernel, emulation, value);
	case 8:
		if (value > 15)
			return protection_fault(emulation);
		kernel_cpu(kernel)->cr8 = value;
		return EMULATION_DONE;
	default:
		return EMULATION_UNKNOWN;
	}
}

static enum emulation_result read_control(struct kernel *kernel, unsigned number, uint64_t *value)
{
	const struct virtual_cpu *cpu = kernel_cpu(kernel);
	switch (number) {
	case 0:
		*value = cpu->cr0;
		return EMULATION_DONE;
	case 2:
		*value = cpu->cr2;
		return EMULATION_DONE;
	case 3:
		*value = cpu->cr3;
		return EMULATION_DONE;
	case 4:
		*value = cpu->cr4;
		return EMULATION_DONE;
	case 8:
		*value = cpu->cr8;
		return EMULATION_DONE;
	default:
		return EMULATION_UNKNOWN;
	}
}

/* Debug registers hold what is written; breakpoints in them do nothing. */
static enum emulation_result move_debug(struct kernel *kernel, struct emulation *emulation,
					unsigned number, uint64_t *value, bool is_write)
{
	uint64_t *registers = kernel_cpu(kernel)->debug;
	if (number > 7)
		return EMULATION_UNKNOWN;
	if (number == 4 || number == 5)
		number += 2;
	if (is_write && number > 5 && *value > UINT32_MAX)
		return protection_fault(emulation);
	if (is_write)
		registers[number] = number == 6	  ? *value | DR6_USUAL
				    : number == 7 ? *value | DR7_USUAL
						  : *value;
	else
		*value = registers[number];
	return EMULATION_DONE;
}

enum emulation_result control_move(struct kernel *kernel, struct emulation *emulation)
{
	const ZydisDecodedOperand *to = &emulation->instruction.operands[0];
	const ZydisDecodedOperand *from = &emulation->instruction.operands[1];
	const bool is_write = operand_is_register(to, ZYDIS_REGCLASS_CONTROL) ||
			      operand_is_register(to, ZYDIS_REGCLASS_DEBUG);
	const ZydisDecodedOperand *special = is_write ? to : from;
	const ZydisDecodedOperand *general = is_write ? from : to;
	const unsigned number = (unsigned)ZydisRegisterGetId(special->reg.value);
	uint64_t *value = instruction_register(kernel, general->reg.value);
	if (operand_is_register(special, ZYDIS_REGCLASS_DEBUG))
		return move_debug(kernel, emulation, number, value, is_write);
	return is_write ? write_control(kernel, emulation, number, *value)
			: read_control(kernel, number, value);
}

enum emulation_result control_clear_task_switched(struct kernel *kernel,
						  struct emulation *emulation)
{
	(void)emulation;
	kernel_cpu(kernel)->cr0 &= ~CR0_TS;
	return EMULATION_DONE;
}

/* What XGETBV shows, which never traps: the real XCR0, which is the host's. */
static uint64_t shown_extended(void)
{
	uint32_t low, high;
	__asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	return low | (uint64_t)high << 32;
}

/* A kernel reads the register, sets a bit, and writes it: the bits that it has been shown beyond
 * those of its processor do no harm, and have no effect. */
enum emulation_result control_set_extended(struct kernel *kernel, struct emulation *emulation)
{
	const struct kvm_regs *regs = kernel_regs(kernel);
	const uint64_t value = (uint32_t)regs->rax | regs->rdx << 32;
	if (!(kernel_cpu(kernel)->cr4 & CR4_OSXSAVE))
		return emulation_faults(emulation, exception_of(VECTOR_INVALID_INSTRUCTION));
	const uint64_t known = kernel->processor->xcr0;
	if ((uint32_t)regs->rcx || !(value & XCR0_X87) || !known ||
	    value & ~(known | shown_extended()))
		return protection_fault(emulation);
	kernel_cpu(kernel)->xcr0 = value & known;
	return EMULATION_DONE;
}

/* ── model-specific registers ────────────────────────────────────────────────────────────────── */

/* Those that are a field, here or in the real processor's registers; NULL for others. */
static uint64_t *model_register(struct kernel *kernel, uint32_t index)
{
	struct virtual_cpu *cpu = kernel_cpu(kernel);
	switch (index) {
	case MSR_PAT:
		return &cpu->pat;
	case MSR_EFER:
		return &cpu->efer;
	case MSR_STAR:
		return &cpu->star;
	case MSR_LSTAR:
		return &cpu->lstar;
	case MSR_CSTAR:
		return &cpu->cstar;
	case MSR_SYSCALL_MASK:
		return &cpu->syscall_mask;
	case MSR_FS_BASE:
		return (uint64_t *)&kernel_sregs(kernel)->fs.base;
	case MSR_GS_BASE:
		return (uint64_t *)&kernel_sregs(kernel)->gs.base;
	case MSR_KERNEL_GS:
		return &cpu->kernel_gs_base;
	case MSR_COUNTER_AUX:
		return &cpu->counter_aux;
	default:
		return NULL;
	}
}

enum emulation_result control_read_model(struct kernel *kernel, struct emulation *emulation)
{
	struct kvm_regs *regs = kernel_regs(kernel);
	const uint32_t index = (uint32_t)regs->rcx;
	const uint64_t *place = model_register(kernel, index);
	uint64_t value = 0;
	if (place)
		value = *place;
	else if (index == MSR_COUNTER)
		value = __rdtsc();
	else if (index == MSR_MISC_ENABLE)
		value = 1; /* fast strings */
	else if (index != MSR_MICROCODE)
		return protection_fault(emulation);
	regs->rax = (uint32_t)value;
	regs->rdx = value >> 32;
	return EMULATION_DONE;
}

static bool model_value_is_sound(const struct kernel *kernel, uint32_t index, uint64_t value)
{
	const uint64_t efer = kernel_cpu(kernel)->efer;
	switch (index) {
	case MSR_EFER: /* LME cannot change while there is paging */
		return !(value & ~EFER_KNOWN) && !((value ^ efer) & EFER_LME);
	case MSR_LSTAR:
	case MSR_CSTAR:
	case MSR_FS_BASE:
	case MSR_GS_BASE:
	case MSR_KERNEL_GS:
		return address_is_canonical(value);
	case MSR_SYSCALL_MASK:
	case MSR_COUNTER_AUX:
		return value <= UINT32_MAX;
	default:
		return true;
	}
}

enum emulation_result control_write_model(struct kernel *kernel, struct emulation *emulation)
{
	const struct kvm_regs *regs = kernel_regs(kernel);
	const uint32_t index = (uint32_t)regs->rcx;
	uint64_t value = (uint32_t)regs->rax | regs->rdx << 32;
	uint64_t *place = model_register(kernel, index);
	if ((index == MSR_MICROCODE || index == MSR_MISC_ENABLE) && !place)
		return EMULATION_DONE;
	if (!place || !model_value_is_sound(kernel, index, value))
		return protection_fault(emulation);
	if (index == MSR_EFER)
		value = (value & ~EFER_LMA) | (*place & EFER_LMA);
	*place = value;
	virtual_cpu_follow(kernel);
	return EMULATION_DONE;
}

enum emulation_result control_swap_gs(struct kernel *kernel, struct emulation *emulation)
{
	struct virtual_cpu *cpu = kernel_cpu(kernel);
	const uint64_t base = kernel_sregs(kernel)->gs.base;
	(void)emulation;
	kernel_sregs(kernel)->gs.base = cpu->kernel_gs_base;
	cpu->kernel_gs_base = base;
	kernel_sregs_changed(kernel);
	return EMULATION_DONE;
}
