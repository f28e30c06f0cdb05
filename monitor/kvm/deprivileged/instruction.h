/* The instruction at a trap, decoded (Zydis), and its operands. Bytes are copied before they are
 * looked at. */
#ifndef MAYFLY_MONITOR_DEPRIVILEGED_INSTRUCTION_H
#define MAYFLY_MONITOR_DEPRIVILEGED_INSTRUCTION_H

#include <Zydis/Zydis.h>

#include "virtual_cpu.h"

struct instruction {
	ZydisDecodedInstruction decoded;
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
};

/* Decodes what stands at `address`; false where that is no instruction. */
bool instruction_fetch(struct kernel *kernel, uint64_t address, struct instruction *instruction);

/* The general register that a register is, or is a part of. */
uint64_t *instruction_register(const struct kernel *kernel, ZydisRegister name);

/* Where a memory operand lies. */
uint64_t instruction_address(const struct kernel *kernel, const struct instruction *instruction,
			     const ZydisDecodedOperand *operand);

/* The value of an operand of at most eight bytes. */
bool instruction_read(struct kernel *kernel, const struct instruction *instruction,
		      const ZydisDecodedOperand *operand, uint64_t *value,
		      struct exception *exception);

static inline bool operand_is_register(const ZydisDecodedOperand *operand, ZydisRegisterClass class)
{
	return operand->type == ZYDIS_OPERAND_TYPE_REGISTER &&
	       ZydisRegisterGetClass(operand->reg.value) == class;
}

#endif
