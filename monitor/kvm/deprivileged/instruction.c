/* The instruction at a trap; see instruction.h. References: Zydis 4.0. */
#include "instruction.h"

#include "address_space.h"

bool instruction_fetch(struct kernel *kernel, uint64_t address, struct instruction *instruction)
{
	uint8_t bytes[ZYDIS_MAX_INSTRUCTION_LENGTH];
	struct exception exception;
	ZydisDecoder decoder;
	const uint64_t size = space_reach(kernel, address, sizeof(bytes), false, &exception);
	return space_read(kernel, address, bytes, size, &exception) &&
	       ZYAN_SUCCESS(
		   ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64)) &&
	       ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, bytes, size, &instruction->decoded,
						   instruction->operands));
}

uint64_t *instruction_register(const struct kernel *kernel, ZydisRegister name)
{
	struct kvm_regs *regs = kernel_regs(kernel);
	__u64 *const registers[16] = {
	    &regs->rax, &regs->rcx, &regs->rdx, &regs->rbx, &regs->rsp, &regs->rbp,
	    &regs->rsi, &regs->rdi, &regs->r8,	&regs->r9,  &regs->r10, &regs->r11,
	    &regs->r12, &regs->r13, &regs->r14, &regs->r15,
	};
	return (uint64_t *)registers[ZydisRegisterGetId(name) & 15];
}

uint64_t instruction_address(const struct kernel *kernel, const struct instruction *instruction,
			     const ZydisDecodedOperand *operand)
{
	const struct kvm_sregs *sregs = kernel_sregs(kernel);
	ZydisRegisterContext context = {0};
	ZyanU64 address = 0;
	for (int i = 0; i < 16; i++) {
		const uint64_t value = *instruction_register(kernel, ZYDIS_REGISTER_RAX + i);
		context.values[ZYDIS_REGISTER_RAX + i] = value;
		context.values[ZYDIS_REGISTER_EAX + i] = (uint32_t)value;
	}
	ZydisCalcAbsoluteAddressEx(&instruction->decoded, operand, kernel_regs(kernel)->rip,
				   &context, &address);
	if (operand->mem.segment == ZYDIS_REGISTER_FS)
		address += sregs->fs.base;
	else if (operand->mem.segment == ZYDIS_REGISTER_GS)
		address += sregs->gs.base;
	return address;
}

bool instruction_read(struct kernel *kernel, const struct instruction *instruction,
		      const ZydisDecodedOperand *operand, uint64_t *value,
		      struct exception *exception)
{
	const unsigned size = operand->size / 8 < 8 ? operand->size / 8 : 8;
	*value = 0;
	if (operand->type == ZYDIS_OPERAND_TYPE_MEMORY)
		return space_read(kernel, instruction_address(kernel, instruction, operand), value,
				  size, exception);
	*value = *instruction_register(kernel, operand->reg.value);
	if (size < 8)
		*value &= (1UL << 8 * size) - 1;
	return true;
}
