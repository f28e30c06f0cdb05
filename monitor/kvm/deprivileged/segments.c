/* Descriptor tables, selectors and far transfers of a deprivileged kernel. All segments are flat in
 * 64-bit mode but FS and GS; the selectors are the virtual processor's, the real ones those of ring 3.
 * References: SDM 3A, 3.4 and 5; SDM 2, the instructions. */
#include "segments.h"

#include <string.h>

#include "address_space.h"
#include "descriptors.h"

static const char user_mode[] =
    "it enters a user mode of its own, which a kernel that runs deprivileged cannot have "
    "(docs/unikernels.md)";
/* ── tables ──────────────────────────────────────────────────────────────────────────────────── */

enum emulation_result segments_load_table(struct kernel *kernel, struct emulation *emulation)
{
	const struct instruction *instruction = &emulation->instruction;
	struct virtual_cpu *cpu = kernel_cpu(kernel);
	uint8_t pointer[10];
	struct descriptor_table table = {0};
	if (!space_read(kernel, instruction_address(kernel, instruction, &instruction->operands[0]),
			pointer, sizeof(pointer), &emulation->exception))
		return EMULATION_FAULTS;
	memcpy(&table.limit, pointer, 2);
	memcpy(&table.base, pointer + 2, 8);
	if (!address_is_canonical(table.base))
		return emulation_faults(emulation, exception_with_code(VECTOR_PROTECTION, 0));
	if (instruction->decoded.mnemonic == ZYDIS_MNEMONIC_LGDT)
		cpu->gdt = table;
	else
		cpu->idt = table;
	virtual_cpu_follow(kernel);
	return EMULATION_DONE;
}

/* A task register; its descriptor has 16 bytes, and becomes a busy one. */
enum emulation_result segments_load_task(struct kernel *kernel, struct emulation *emulation)
{
	struct virtual_cpu *cpu = kernel_cpu(kernel);
	const struct instruction *instruction = &emulation->instruction;
	uint64_t selector, low, high;
	struct exception *fault = &emulation->exception;
	if (!instruction_read(kernel, instruction, &instruction->operands[0], &selector, fault))
		return EMULATION_FAULTS;
	const uint64_t at = cpu->gdt.base + (selector & SELECTOR_INDEX);
	if (!descriptors_read(kernel, selector, &low, fault))
		return EMULATION_FAULTS;
	if (DESCRIPTOR_TYPE(low) != DESCRIPTOR_TSS || (selector | 15) > cpu->gdt.limit)
		return emulation_faults(emulation, descriptors_fault(selector));
	if (!space_read(kernel, at + 8, &high, 8, fault))
		return EMULATION_FAULTS;
	if (!(low & DESCRIPTOR_PRESENT))
		return emulation_faults(
		    emulation,
		    exception_with_code(VECTOR_NOT_PRESENT, (uint32_t)(selector & SELECTOR_INDEX)));
	const uint64_t busy = low | DESCRIPTOR_BUSY;
	if (!space_write(kernel, at, &busy, 8, fault))
		return EMULATION_FAULTS;
	cpu->tr = selector;
	cpu->tss.base = (low >> 16 & 0xffffff) | (low >> 32 & 0xff000000) | high << 32;
	cpu->tss.limit = (low & 0xffff) | (low >> 32 & 0xf0000);
	if (low & 1UL << 55) /* counted in pages */
		cpu->tss.limit = cpu->tss.limit << 12 | 0xfff;
	virtual_cpu_follow(kernel);
	return EMULATION_DONE;
}

/* The selector is kept, and nothing can be loaded from there. */
enum emulation_result segments_load_local(struct kernel *kernel, struct emulation *emulation)
{
	const struct instruction *instruction = &emulation->instruction;
	uint64_t selector;
	if (!instruction_read(kernel, instruction, &instruction->operands[0], &selector,
			      &emulation->exception))
		return EMULATION_FAULTS;
	kernel_cpu(kernel)->ldtr = selector;
	return EMULATION_DONE;
}

/* ── selectors ───────────────────────────────────────────────────────────────────────────────── */

static uint64_t *selector_of(struct virtual_cpu *cpu, ZydisRegister name)
{
	switch (name) {
	case ZYDIS_REGISTER_ES:
		return &cpu->es;
	case ZYDIS_REGISTER_SS:
		return &cpu->ss;
	case ZYDIS_REGISTER_DS:
		return &cpu->ds;
	case ZYDIS_REGISTER_FS:
		return &cpu->fs;
	case ZYDIS_REGISTER_GS:
		return &cpu->gs;
	default:
		return NULL;
	}
}

/* The base that a load of FS or GS brings. */
static void set_base(struct kernel *kernel, ZydisRegister name, uint64_t descriptor)
{
	const uint64_t base = (descriptor >> 16 & 0xffffff) | (descriptor >> 32 & 0xff000000);
	if (name == ZYDIS_REGISTER_FS)
		kernel_sregs(kernel)->fs.base = base;
	else if (name == ZYDIS_REGISTER_GS)
		kernel_sregs(kernel)->gs.base = base;
	kernel_sregs_changed(kernel);
}

static enum emulation_result load_selector(struct kernel *kernel, struct emulation *emulation,
					   ZydisRegister name, uint64_t selector)
{
	uint64_t *place = selector_of(kernel_cpu(kernel), name);
	struct exception *fault = &emulation->exception;
	uint64_t descriptor = 0;
	if (!place)
		return EMULATION_UNKNOWN;
	if (selector & SELECTOR_INDEX && !descriptors_read(kernel, selector, &descriptor, fault))
		return EMULATION_FAULTS;
	if (selector & SELECTOR_INDEX) {
		const uint64_t type = DESCRIPTOR_TYPE(descriptor);
		const bool code = (type & DESCRIPTOR_CODE) == DESCRIPTOR_CODE;
		/* Data, of which SS wants a writable one, or code that can be read. */
		if (!(type & DESCRIPTOR_DATA) || (code && !(type & DESCRIPTOR_READABLE)) ||
		    (name == ZYDIS_REGISTER_SS && (code || !(type & DESCRIPTOR_READABLE))))
			return emulation_faults(emulation, descriptors_fault(selector));
		if (!(descriptor & DESCRIPTOR_PRESENT)) {
			*fault = descriptors_fault(selector);
			fault->vector = name == ZYDIS_REGISTER_SS ? 12 : VECTOR_NOT_PRESENT;
			return EMULATION_FAULTS;
		}
	}
	*place = selector;
	set_base(kernel, name, descriptor);
	return EMULATION_DONE;
}

enum emulation_result segments_move(struct kernel *kernel, struct emulation *emulation)
{
	const struct instruction *instruction = &emulation->instruction;
	uint64_t selector;
	if (!instruction_read(kernel, instruction, &instruction->operands[1], &selector,
			      &emulation->exception))
		return EMULATION_FAULTS;
	return load_selector(kernel, emulation, instruction->operands[0].reg.value,
			     (uint16_t)selector);
}

static bool pop(struct kernel *kernel, uint64_t *stack, unsigned size, uint64_t *value,
		struct exception *fault)
{
	*value = 0;
	if (!space_read(kernel, *stack, value, size, fault))
		return false;
	*stack += size;
	return true;
}

/* POP FS, POP GS. */
enum emulation_result segments_pop(struct kernel *kernel, struct emulation *emulation)
{
	const struct instruction *instruction = &emulation->instruction;
	uint64_t stack = kernel_regs(kernel)->rsp, selector;
	const unsigned size = instruction->decoded.operand_width == 16 ? 2 : 8;
	if (!pop(kernel, &stack, size, &selector, &emulation->exception))
		return EMULATION_FAULTS;
	const enum emulation_result result = load_selector(
	    kernel, emulation, instruction->operands[0].reg.value, (uint16_t)selector);
	if (result == EMULATION_DONE)
		kernel_regs(kernel)->rsp = stack;
	return result;
}

/* ── far transfers ───────────────────────────────────────────────────────────────────────────── */

/* Whether code may go on in that segment; EMULATION_DONE if so. */
static enum emulation_result check_target(struct kernel *kernel, struct emulation *emulation,
					  uint64_t selector, uint64_t target)
{
	if (selector & SELECTOR_LEVEL)
		return emulation_refused(emulation, user_mode);
	switch (descriptors_find_code(kernel, selector, &emulation->exception)) {
	case CODE_FAULTS:
		return EMULATION_FAULTS;
	case CODE_SHORT:
		return emulation_refused(emulation, descriptors_short_code);
	case CODE_LONG:
		break;
	}
	if (!address_is_canonical(target))
		return emulation_faults(emulation, exception_with_code(VECTOR_PROTECTION, 0));
	emulation->next = target;
	return EMULATION_DONE;
}

/* RETF, also with bytes to drop. */
enum emulation_result segments_far_return(struct kernel *kernel, struct emulation *emulation)
{
	const struct instruction *instruction = &emulation->instruction;
	const ZydisDecodedOperand *dropped = &instruction->operands[0];
	const unsigned size = instruction->decoded.operand_width / 8;
	struct exception *fault = &emulation->exception;
	uint64_t stack = kernel_regs(kernel)->rsp, target, selector;
	if (!pop(kernel, &stack, size, &target, fault) ||
	    !pop(kernel, &stack, size, &selector, fault))
		return EMULATION_FAULTS;
	selector = (uint16_t)selector;
	const enum emulation_result result = check_target(kernel, emulation, selector, target);
	if (result != EMULATION_DONE)
		return result;
	if (dropped->type == ZYDIS_OPERAND_TYPE_IMMEDIATE)
		stack += dropped->imm.value.u;
	kernel_cpu(kernel)->cs = selector;
	kernel_regs(kernel)->rsp = stack;
	return EMULATION_DONE;
}

/* JMP and CALL through memory: an offset, and a selector behind it. */
enum emulation_result segments_far_jump(struct kernel *kernel, struct emulation *emulation)
{
	const struct instruction *instruction = &emulation->instruction;
	const ZydisDecodedOperand *operand = &instruction->operands[0];
	const bool calls = instruction->decoded.mnemonic == ZYDIS_MNEMONIC_CALL;
	const unsigned size = instruction->decoded.operand_width / 8;
	const uint64_t behind[2] = {emulation->next, kernel_cpu(kernel)->cs};
	const uint64_t stack = kernel_regs(kernel)->rsp - 16;
	struct exception *fault = &emulation->exception;
	uint64_t target = 0, selector = 0;
	if (operand->type != ZYDIS_OPERAND_TYPE_MEMORY || (calls && size != 8))
		return EMULATION_UNKNOWN;
	const uint64_t address = instruction_address(kernel, instruction, operand);
	if (!space_read(kernel, address, &target, size, fault) ||
	    !space_read(kernel, address + size, &selector, 2, fault))
		return EMULATION_FAULTS;
	const enum emulation_result result = check_target(kernel, emulation, selector, target);
	if (result != EMULATION_DONE)
		return result;
	if (calls && !space_write(kernel, stack, behind, sizeof(behind), fault))
		return EMULATION_FAULTS;
	if (calls)
		kernel_regs(kernel)->rsp = stack;
	kernel_cpu(kernel)->cs = selector;
	return EMULATION_DONE;
}

/* IRET: in 64-bit mode it always takes the stack along. */
enum emulation_result segments_interrupt_return(struct kernel *kernel, struct emulation *emulation)
{
	struct virtual_cpu *cpu = kernel_cpu(kernel);
	const unsigned size = emulation->instruction.decoded.operand_width / 8;
	uint64_t frame[5], stack = kernel_regs(kernel)->rsp;
	for (size_t i = 0; i < 5; i++)
		if (!pop(kernel, &stack, size, &frame[i], &emulation->exception))
			return EMULATION_FAULTS;
	const uint64_t selector = (uint16_t)frame[1];
	const enum emulation_result result = check_target(kernel, emulation, selector, frame[0]);
	if (result != EMULATION_DONE)
		return result;
	cpu->cs = selector;
	cpu->ss = (uint16_t)frame[4];
	kernel_regs(kernel)->rsp = frame[3];
	virtual_cpu_set_flags(kernel, frame[2]);
	return EMULATION_DONE;
}
