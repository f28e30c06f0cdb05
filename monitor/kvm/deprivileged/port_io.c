/* IN, OUT and their string forms of a deprivileged kernel. The machine stops for each, as for an
 * access that KVM tells of; what is read goes where it belongs when the machine goes on. */
#include "port_io.h"

#include <string.h>

#include "address_space.h"

static void describe(struct kernel *kernel, struct emulation *emulation, uint32_t width,
		     uint32_t count, bool is_write)
{
	const struct instruction *instruction = &emulation->instruction;
	const ZydisDecodedOperand *operands = instruction->operands;
	uint64_t port = kernel_regs(kernel)->rdx;
	for (size_t i = 0; i < 2; i++)
		if (operands[i].type == ZYDIS_OPERAND_TYPE_IMMEDIATE)
			port = operands[i].imm.value.u;
	emulation->exit->stop = MACHINE_PORT;
	emulation->exit->access = (struct machine_access){
	    .address = (uint16_t)port,
	    .size = width,
	    .count = count,
	    .is_write = is_write,
	    .data = kernel->deprivileged->data,
	};
}

enum emulation_result port_read_or_write(struct kernel *kernel, struct emulation *emulation)
{
	struct deprivileged *self = kernel->deprivileged;
	const struct instruction *instruction = &emulation->instruction;
	const bool is_write = instruction->decoded.mnemonic == ZYDIS_MNEMONIC_OUT;
	const uint32_t width = instruction->operands[is_write].size / 8;
	memset(self->data, 0, 8);
	if (is_write)
		memcpy(self->data, &kernel_regs(kernel)->rax, width);
	else
		self->read = (struct port_read){.pending = true, .width = width, .count = 1};
	self->at_port = true;
	if (is_write && width == sizeof(uint32_t))
		call_sites_note(kernel);
	describe(kernel, emulation, width, 1, is_write);
	return EMULATION_STOPS;
}

/* Moves a register that counts or points in a string instruction: of 32 bits, the rest is zero. */
static void advance(__u64 *value, uint64_t change, uint64_t mask)
{
	*value = (*value + change) & mask;
}

enum emulation_result port_string(struct kernel *kernel, struct emulation *emulation)
{
	struct deprivileged *self = kernel->deprivileged;
	struct kvm_regs *regs = kernel_regs(kernel);
	const ZydisDecodedInstruction *decoded = &emulation->instruction.decoded;
	const ZydisDecodedOperand *operands = emulation->instruction.operands;
	const bool is_write = operands[1].type == ZYDIS_OPERAND_TYPE_MEMORY;
	const bool repeats = decoded->attributes & (ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPE |
						    ZYDIS_ATTRIB_HAS_REPNE);
	const uint64_t mask = decoded->address_width == 32 ? UINT32_MAX : UINT64_MAX;
	const uint32_t width = operands[is_write].size / 8;
	const uint64_t address =
	    instruction_address(kernel, &emulation->instruction, &operands[is_write]);
	const bool backwards = regs->rflags & FLAG_DIRECTION;
	uint64_t count = repeats ? regs->rcx & mask : 1;
	if (!count)
		return EMULATION_DONE;
	if (backwards)
		count = 1;
	else if (count > PORT_STRING_MAX / width)
		count = PORT_STRING_MAX / width;
	count =
	    space_reach(kernel, address, count * width, !is_write, &emulation->exception) / width;
	if (!count)
		return EMULATION_FAULTS;
	if (repeats && (regs->rcx & mask) != count)
		emulation->next = regs->rip; /* the instruction comes again for the rest */
	if (is_write &&
	    !space_read(kernel, address, self->data, count * width, &emulation->exception))
		return EMULATION_FAULTS;
	if (!is_write)
		self->read = (struct port_read){.pending = true,
						.is_string = true,
						.width = width,
						.count = (uint32_t)count,
						.address = address};
	advance(is_write ? &regs->rsi : &regs->rdi, backwards ? -(uint64_t)width : count * width,
		mask);
	if (repeats)
		advance(&regs->rcx, -count, mask);
	describe(kernel, emulation, width, (uint32_t)count, is_write);
	return EMULATION_STOPS;
}

bool port_finish(struct kernel *kernel, struct exception *exception)
{
	struct deprivileged *self = kernel->deprivileged;
	const struct port_read read = self->read;
	__u64 *rax = &kernel_regs(kernel)->rax;
	self->read.pending = false;
	if (!read.pending)
		return true;
	if (read.is_string)
		return space_write(kernel, read.address, self->data,
				   (uint64_t)read.count * read.width, exception);
	/* As a register of 32 bits takes the upper half along. */
	if (read.width == 4)
		*rax = 0;
	memcpy(rax, self->data, read.width);
	kernel_regs_changed(kernel);
	return true;
}
