/* Privileged instructions of a deprivileged kernel: which is done where; see privileged.h. */
#include "privileged.h"

#include "address_space.h"
#include "control.h"
#include "exception.h"
#include "port_io.h"
#include "port_loop.h"
#include "segments.h"
#include "sizes/sizes.h"

#define OPCODE_HLT 0xf4

typedef enum emulation_result (*emulate_function)(struct kernel *kernel,
						  struct emulation *emulation);

/* ── the small ones ──────────────────────────────────────────────────────────────────────────── */

static enum emulation_result do_nothing(struct kernel *kernel, struct emulation *emulation)
{
	(void)kernel;
	(void)emulation;
	return EMULATION_DONE;
}

static enum emulation_result clear_interrupts(struct kernel *kernel, struct emulation *emulation)
{
	(void)emulation;
	kernel_cpu(kernel)->flags &= ~FLAG_INTERRUPT;
	return EMULATION_DONE;
}

static enum emulation_result set_interrupts(struct kernel *kernel, struct emulation *emulation)
{
	struct virtual_cpu *cpu = kernel_cpu(kernel);
	struct exception exception;
	uint8_t next = 0;
	kernel->deprivileged->shadow = !(cpu->flags & FLAG_INTERRUPT);
	cpu->flags |= FLAG_INTERRUPT;
	/* STI, HLT: a kernel's wait, for the price of one trap. */
	if (space_read(kernel, emulation->next, &next, 1, &exception) && next == OPCODE_HLT) {
		emulation->next++;
		kernel->halted = true;
		kernel->deprivileged->shadow = false;
	}
	return EMULATION_DONE;
}

static enum emulation_result clear_alignment(struct kernel *kernel, struct emulation *emulation)
{
	(void)emulation;
	kernel_cpu(kernel)->flags &= ~FLAG_ALIGNMENT;
	return EMULATION_DONE;
}

static enum emulation_result set_alignment(struct kernel *kernel, struct emulation *emulation)
{
	(void)emulation;
	kernel_cpu(kernel)->flags |= FLAG_ALIGNMENT;
	return EMULATION_DONE;
}

static enum emulation_result halt(struct kernel *kernel, struct emulation *emulation)
{
	(void)emulation;
	kernel->halted = true;
	return EMULATION_DONE;
}

static enum emulation_result flush(struct kernel *kernel, struct emulation *emulation)
{
	(void)emulation;
	space_flush(kernel);
	return EMULATION_DONE;
}

static enum emulation_result software_interrupt(struct kernel *kernel, struct emulation *emulation)
{
	const uint64_t vector = emulation->instruction.operands[0].imm.value.u;
	if (!exception_software_interrupt(kernel, vector & 0xff, emulation->next))
		return EMULATION_TRIPLE;
	emulation->next = kernel_regs(kernel)->rip;
	return EMULATION_DONE;
}

static enum emulation_result return_to_user(struct kernel *kernel, struct emulation *emulation)
{
	(void)kernel;
	emulation->reason = "it enters a user mode of its own, which a kernel that runs "
			    "deprivileged cannot have (docs/unikernels.md)";
	return EMULATION_REFUSED;
}

bool privileged_push_flags(struct kernel *kernel, unsigned size, struct exception *exception)
{
	struct kvm_regs *regs = kernel_regs(kernel);
	const uint64_t flags = virtual_cpu_flags(kernel) & ~FLAG_RESUME;
	if (!space_write(kernel, regs->rsp - size, &flags, size, exception))
		return false;
	regs->rsp -= size;
	return true;
}

bool privileged_pop_flags(struct kernel *kernel, unsigned size, struct exception *exception)
{
	struct kvm_regs *regs = kernel_regs(kernel);
	uint64_t flags = virtual_cpu_flags(kernel);
	if (!space_read(kernel, regs->rsp, &flags, size, exception))
		return false;
	regs->rsp += size;
	virtual_cpu_set_flags(kernel, flags);
	return true;
}

/* ── which is which ──────────────────────────────────────────────────────────────────────────── */

static bool uses_class(const struct instruction *instruction, ZydisRegisterClass class)
{
	return operand_is_register(&instruction->operands[0], class) ||
	       operand_is_register(&instruction->operands[1], class);
}

/* Of instructions that are mostly not privileged, those that are. */
static emulate_function find_special(const struct instruction *instruction)
{
	const bool is_far = instruction->decoded.meta.branch_type == ZYDIS_BRANCH_TYPE_FAR;
	const bool to_segment =
	    operand_is_register(&instruction->operands[0], ZYDIS_REGCLASS_SEGMENT);
	switch (instruction->decoded.mnemonic) {
	case ZYDIS_MNEMONIC_MOV:
		if (uses_class(instruction, ZYDIS_REGCLASS_CONTROL) ||
		    uses_class(instruction, ZYDIS_REGCLASS_DEBUG))
			return control_move;
		return to_segment ? segments_move : NULL;
	case ZYDIS_MNEMONIC_POP:
		return to_segment ? segments_pop : NULL;
	case ZYDIS_MNEMONIC_RET:
		return is_far ? segments_far_return : NULL;
	case ZYDIS_MNEMONIC_JMP:
	case ZYDIS_MNEMONIC_CALL:
		return is_far ? segments_far_jump : NULL;
	default:
		return NULL;
	}
}

static const struct {
	ZydisMnemonic mnemonic;
	emulate_function emulate;
} privileged[] = {
    {ZYDIS_MNEMONIC_OUT, port_read_or_write},
    {ZYDIS_MNEMONIC_IN, port_read_or_write},
    {ZYDIS_MNEMONIC_OUTSB, port_string},
    {ZYDIS_MNEMONIC_OUTSW, port_string},
    {ZYDIS_MNEMONIC_OUTSD, port_string},
    {ZYDIS_MNEMONIC_INSB, port_string},
    {ZYDIS_MNEMONIC_INSW, port_string},
    {ZYDIS_MNEMONIC_INSD, port_string},
    {ZYDIS_MNEMONIC_CLI, clear_interrupts},
    {ZYDIS_MNEMONIC_STI, set_interrupts},
    {ZYDIS_MNEMONIC_HLT, halt},
    {ZYDIS_MNEMONIC_IRETQ, segments_interrupt_return},
    {ZYDIS_MNEMONIC_IRETD, segments_interrupt_return},
    {ZYDIS_MNEMONIC_INT, software_interrupt},
    {ZYDIS_MNEMONIC_INVLPG, flush},
    {ZYDIS_MNEMONIC_SWAPGS, control_swap_gs},
    {ZYDIS_MNEMONIC_RDMSR, control_read_model},
    {ZYDIS_MNEMONIC_WRMSR, control_write_model},
    {ZYDIS_MNEMONIC_CLTS, control_clear_task_switched},
    {ZYDIS_MNEMONIC_XSETBV, control_set_extended},
    {ZYDIS_MNEMONIC_LGDT, segments_load_table},
    {ZYDIS_MNEMONIC_LIDT, segments_load_table},
    {ZYDIS_MNEMONIC_LTR, segments_load_task},
    {ZYDIS_MNEMONIC_LLDT, segments_load_local},
    {ZYDIS_MNEMONIC_STAC, set_alignment},
    {ZYDIS_MNEMONIC_CLAC, clear_alignment},
    {ZYDIS_MNEMONIC_INVD, do_nothing},
    {ZYDIS_MNEMONIC_WBINVD, do_nothing},
    {ZYDIS_MNEMONIC_SYSRET, return_to_user},
    {ZYDIS_MNEMONIC_SYSEXIT, return_to_user},
};

static emulate_function find_function(const struct instruction *instruction)
{
	for (size_t i = 0; i < ARRAY_SIZE(privileged); i++)
		if (privileged[i].mnemonic == instruction->decoded.mnemonic)
			return privileged[i].emulate;
	return find_special(instruction);
}

/* What traps often does so at the same places. */
static bool fetch(struct kernel *kernel, struct instruction *instruction)
{
	const uint64_t address = kernel_regs(kernel)->rip;
	const struct instruction *known =
	    kernel->loop ? port_loop_fetch(kernel, kernel->loop, address) : NULL;
	if (!known)
		return instruction_fetch(kernel, address, instruction);
	*instruction = *known;
	return true;
}

enum emulation_result privileged_emulate(struct kernel *kernel, struct emulation *emulation)
{
	struct kvm_regs *regs = kernel_regs(kernel);
	if (!fetch(kernel, &emulation->instruction))
		return EMULATION_UNKNOWN;
	const emulate_function emulate = find_function(&emulation->instruction);
	if (!emulate)
		return EMULATION_UNKNOWN;
	emulation->next = regs->rip + emulation->instruction.decoded.length;
	const enum emulation_result result = emulate(kernel, emulation);
	if (result == EMULATION_DONE || result == EMULATION_STOPS) {
		regs->rip = emulation->next;
		regs->rflags &= ~FLAG_RESUME;
		kernel_regs_changed(kernel);
	}
	return result;
}
