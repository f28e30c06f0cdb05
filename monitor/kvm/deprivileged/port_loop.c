/* Loops around ports; see port_loop.h. References: SDM 1, 3.4.3 (flags); SDM 2, the instructions. */
#include "port_loop.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "address_space.h"
#include "instruction.h"

#define STEPS_MAX    48 /* between two accesses: they cost less than a trap */
#define CACHED	     32 /* instructions, by where they stand */
#define BEGINNINGS   32 /* instructions behind accesses, likewise */
#define PASSES_MAX   63
#define FLAG_CARRY   0x001UL
#define FLAG_PARITY  0x004UL
#define FLAG_ADJUST  0x010UL
#define FLAG_ZERO    0x040UL
#define FLAG_SIGN    0x080UL
#define FLAG_OVER    0x800UL
#define FLAGS_STATUS (FLAG_CARRY | FLAG_PARITY | FLAG_ADJUST | FLAG_ZERO | FLAG_SIGN | FLAG_OVER)

/* Decoding takes longer than all else: what stands at an address is decoded once for each content. */
struct cached {
	bool is_valid;
	uint64_t address;
	uint8_t bytes[ZYDIS_MAX_INSTRUCTION_LENGTH];
	struct instruction instruction;
};

/* Where it has led to no access it is not tried each time: that costs half an exit, for nothing. */
struct beginning {
	uint64_t address;
	uint8_t passes; /* so many times it is left to the guest after it was in vain again */
	uint8_t left;	/* of them */
};

struct port_loop {
	ZydisDecoder decoder;
	struct cached cached[CACHED];
	struct beginning beginnings[BEGINNINGS];
};

enum step { STEP_DONE, STEP_TRAPS, STEP_STORES, STEP_UNKNOWN };

struct port_loop *port_loop_create(struct error *error)
{
	struct port_loop *loop = calloc(1, sizeof(*loop));
	if (!loop) {
		error_set(error, ENOMEM, "no memory for a kernel");
		return NULL;
	}
	ZydisDecoderInit(&loop->decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	return loop;
}

void port_loop_release(struct port_loop *loop)
{
	free(loop);
}

const struct instruction *port_loop_fetch(struct kernel *kernel, struct port_loop *loop,
					  uint64_t address)
{
	struct cached *cached = &loop->cached[address % CACHED];
	uint8_t bytes[ZYDIS_MAX_INSTRUCTION_LENGTH];
	if (!space_read_code(kernel, address, bytes, sizeof(bytes)))
		return NULL;
	if (cached->is_valid && cached->address == address &&
	    !memcmp(cached->bytes, bytes, sizeof(bytes)))
		return &cached->instruction;
	cached->is_valid = false;
	if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(&loop->decoder, bytes, sizeof(bytes),
						 &cached->instruction.decoded,
						 cached->instruction.operands)))
		return NULL;
	cached->is_valid = true;
	cached->address = address;
	memcpy(cached->bytes, bytes, sizeof(bytes));
	return &cached->instruction;
}

/* ── operands ────────────────────────────────────────────────────────────────────────────────── */

static uint64_t mask_of(unsigned bits)
{
	return bits < 64 ? (1UL << bits) - 1 : UINT64_MAX;
}

/* NULL for those that are none, and for the second bytes of registers. */
static uint64_t *general_register(const struct kernel *kernel, const ZydisDecodedOperand *operand)
{
	if (operand->type != ZYDIS_OPERAND_TYPE_REGISTER)
		return NULL;
	const ZydisRegister name = operand->reg.value;
	const ZydisRegister whole =
	    ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, name);
	if (ZydisRegisterGetClass(whole) != ZYDIS_REGCLASS_GPR64 ||
	    (name >= ZYDIS_REGISTER_AH && name <= ZYDIS_REGISTER_BH))
		return NULL;
	return instruction_register(kernel, whole);
}

static bool read_operand(struct kernel *kernel, const struct instruction *instruction,
			 unsigned which, uint64_t *value)
{
	const ZydisDecodedOperand *operand = &instruction->operands[which];
	struct exception exception;
	const uint64_t *place;
	*value = 0;
	switch (operand->type) {
	case ZYDIS_OPERAND_TYPE_IMMEDIATE: /* extended to what it is used with */
		*value = operand->imm.value.u;
		return true;
	case ZYDIS_OPERAND_TYPE_REGISTER:
		place = general_register(kernel, operand);
		if (!place)
			return false;
		*value = *place;
		break;
	case ZYDIS_OPERAND_TYPE_MEMORY:
		if (operand->size > 64 ||
		    !space_read(kernel, instruction_address(kernel, instruction, operand), value,
				operand->size / 8, &exception))
			return false;
		break;
	default:
		return false;
	}
	*value &= mask_of(operand->size);
	return true;
}

/* A register of 32 bits takes the upper half along; smaller ones leave the rest. */
static bool write_register(struct kernel *kernel, const ZydisDecodedOperand *operand,
			   uint64_t value)
{
	const uint64_t mask = mask_of(operand->size);
	uint64_t *place = general_register(kernel, operand);
	if (!place)
		return false;
	*place = operand->size == 32 ? value & mask : (*place & ~mask) | (value & mask);
	return true;
}

/* ── instructions ────────────────────────────────────────────────────────────────────────────── */

static void set_flags(struct kernel *kernel, uint64_t kept, uint64_t flags, uint64_t result,
		      unsigned bits)
{
	struct kvm_regs *regs = kernel_regs(kernel);
	const uint64_t changed = FLAGS_STATUS & ~kept;
	flags |= result ? 0 : FLAG_ZERO;
	flags |= result >> (bits - 1) & 1 ? FLAG_SIGN : 0;
	flags |= __builtin_parity((unsigned)(result & 0xff)) ? 0 : FLAG_PARITY;
	regs->rflags = (regs->rflags & ~changed) | (flags & changed);
}

struct sum {
	uint64_t result, flags;
};

/* a + b, or a - b, in so many bits. */
static struct sum add_or_subtract(uint64_t a, uint64_t b, bool subtracts, unsigned bits)
{
	const uint64_t mask = mask_of(bits), top = 1UL << (bits - 1);
	struct sum sum = {.result = (subtracts ? a - b : a + b) & mask};
	const uint64_t over = (subtracts ? a ^ b : ~(a ^ b)) & (a ^ sum.result);
	const bool carry = subtracts ? a < b : sum.result < a;
	sum.flags = (carry ? FLAG_CARRY : 0) | (over & top ? FLAG_OVER : 0) |
		    ((a ^ b ^ sum.result) & FLAG_ADJUST);
	return sum;
}

static enum step move(struct kernel *kernel, const struct instruction *instruction)
{
	const ZydisDecodedOperand *to = &instruction->operands[0],
				  *from = &instruction->operands[1];
	const ZydisMnemonic mnemonic = instruction->decoded.mnemonic;
	uint64_t value;
	if (mnemonic == ZYDIS_MNEMONIC_LEA) {
		if (from->mem.segment == ZYDIS_REGISTER_FS ||
		    from->mem.segment == ZYDIS_REGISTER_GS)
			return STEP_UNKNOWN;
		value = instruction_address(kernel, instruction, from);
	} else if (!read_operand(kernel, instruction, 1, &value))
		return STEP_UNKNOWN;
	if (mnemonic == ZYDIS_MNEMONIC_MOVSX || mnemonic == ZYDIS_MNEMONIC_MOVSXD)
		value = (uint64_t)((int64_t)(value << (64 - from->size)) >> (64 - from->size));
	return write_register(kernel, to, value) ? STEP_DONE : STEP_UNKNOWN;
}

static enum step calculate(struct kernel *kernel, const struct instruction *instruction)
{
	const ZydisDecodedOperand *to = &instruction->operands[0];
	const ZydisMnemonic mnemonic = instruction->decoded.mnemonic;
	const bool by_one = mnemonic == ZYDIS_MNEMONIC_INC || mnemonic == ZYDIS_MNEMONIC_DEC;
	const bool subtracts = mnemonic == ZYDIS_MNEMONIC_SUB || mnemonic == ZYDIS_MNEMONIC_CMP ||
			       mnemonic == ZYDIS_MNEMONIC_DEC;
	uint64_t a, b = 1;
	if (!read_operand(kernel, instruction, 0, &a) ||
	    (!by_one && !read_operand(kernel, instruction, 1, &b)))
		return STEP_UNKNOWN;
	const struct sum sum = add_or_subtract(a, b & mask_of(to->size), subtracts, to->size);
	if (mnemonic != ZYDIS_MNEMONIC_CMP && !write_register(kernel, to, sum.result))
		return STEP_UNKNOWN;
	set_flags(kernel, by_one ? FLAG_CARRY : 0, sum.flags, sum.result, to->size);
	return STEP_DONE;
}

static enum step combine(struct kernel *kernel, const struct instruction *instruction)
{
	const ZydisDecodedOperand *to = &instruction->operands[0];
	const ZydisMnemonic mnemonic = instruction->decoded.mnemonic;
	uint64_t a, b;
	if (!read_operand(kernel, instruction, 0, &a) || !read_operand(kernel, instruction, 1, &b))
		return STEP_UNKNOWN;
	uint64_t result = mnemonic == ZYDIS_MNEMONIC_OR	   ? a | b
			  : mnemonic == ZYDIS_MNEMONIC_XOR ? a ^ b
							   : a & b;
	result &= mask_of(to->size);
	if (mnemonic != ZYDIS_MNEMONIC_TEST && !write_register(kernel, to, result))
		return STEP_UNKNOWN;
	set_flags(kernel, 0, 0, result, to->size);
	return STEP_DONE;
}

/* By a number that stands in the instruction. Of one that is not 1, the overflow flag is undefined. */
static enum step shift(struct kernel *kernel, const struct instruction *instruction)
{
	const ZydisDecodedOperand *to = &instruction->operands[0];
	const ZydisMnemonic mnemonic = instruction->decoded.mnemonic;
	const unsigned bits = to->size;
	uint64_t value, count;
	if (instruction->operands[1].type != ZYDIS_OPERAND_TYPE_IMMEDIATE ||
	    !read_operand(kernel, instruction, 0, &value) ||
	    !read_operand(kernel, instruction, 1, &count) || !count || count >= bits)
		return STEP_UNKNOWN;
	const bool left = mnemonic == ZYDIS_MNEMONIC_SHL;
	const bool carry = value >> (left ? bits - count : count - 1) & 1;
	uint64_t result = left ? value << count : value >> count;
	if (mnemonic == ZYDIS_MNEMONIC_SAR)
		result = (uint64_t)((int64_t)(value << (64 - bits)) >> (64 - bits + count));
	result &= mask_of(bits);
	if (!write_register(kernel, to, result))
		return STEP_UNKNOWN;
	const bool over = (value ^ result) >> (bits - 1) & 1;
	set_flags(kernel, 0, (carry ? FLAG_CARRY : 0) | (over ? FLAG_OVER : 0), result, bits);
	return STEP_DONE;
}

/* Conditions by their number in the instruction (SDM 2, appendix B.1.4.7): the lowest bit negates. */
static bool condition_holds(uint64_t flags, unsigned number)
{
	const bool carry = flags & FLAG_CARRY, zero = flags & FLAG_ZERO;
	const bool less = !(flags & FLAG_SIGN) != !(flags & FLAG_OVER);
	const bool conditions[] = {
	    flags & FLAG_OVER,	 carry, zero,	     carry || zero, flags & FLAG_SIGN,
	    flags & FLAG_PARITY, less,	less || zero};
	return conditions[number >> 1] != (number & 1);
}

/* *next is behind the instruction, or where it leads to. */
static enum step jump(const struct kernel *kernel, const struct instruction *instruction,
		      uint64_t *next)
{
	const ZydisDecodedInstruction *decoded = &instruction->decoded;
	const ZydisDecodedOperand *to = &instruction->operands[0];
	const bool always = decoded->mnemonic == ZYDIS_MNEMONIC_JMP;
	const bool is_short = decoded->opcode_map == ZYDIS_OPCODE_MAP_DEFAULT;
	const bool on_flags = (decoded->opcode & 0xf0) == (is_short ? 0x70 : 0x80);
	if (to->type != ZYDIS_OPERAND_TYPE_IMMEDIATE || !to->imm.is_relative ||
	    !(always || on_flags))
		return STEP_UNKNOWN;
	if (always || condition_holds(kernel_regs(kernel)->rflags, decoded->opcode & 15))
		*next += (uint64_t)to->imm.value.s;
	return STEP_DONE;
}

/* The stack's top; it is dropped by the caller. */
static bool read_stack(struct kernel *kernel, uint64_t *value)
{
	struct exception exception;
	return space_read(kernel, kernel_regs(kernel)->rsp, value, sizeof(*value), &exception);
}

/* Into a register of 64 bits. POP RSP leaves what was read. */
static enum step pop(struct kernel *kernel, const struct instruction *instruction)
{
	const ZydisDecodedOperand *to = &instruction->operands[0];
	uint64_t *place = general_register(kernel, to);
	uint64_t value;
	if (to->size != 64 || !place || !read_stack(kernel, &value))
		return STEP_UNKNOWN;
	kernel_regs(kernel)->rsp += sizeof(value);
	*place = value;
	return STEP_DONE;
}

/* RET within the segment, which may drop more of the stack. */
static enum step go_back(struct kernel *kernel, const struct instruction *instruction,
			 uint64_t *next)
{
	const ZydisDecodedInstruction *decoded = &instruction->decoded;
	const ZydisDecodedOperand *more = &instruction->operands[0];
	uint64_t address;
	if (decoded->meta.branch_type != ZYDIS_BRANCH_TYPE_NEAR || decoded->operand_width != 64 ||
	    !read_stack(kernel, &address) || !address_is_canonical(address))
		return STEP_UNKNOWN;
	kernel_regs(kernel)->rsp += sizeof(address);
	if (more->type == ZYDIS_OPERAND_TYPE_IMMEDIATE)
		kernel_regs(kernel)->rsp += more->imm.value.u;
	*next = address;
	return STEP_DONE;
}

/* MOV to a device's memory. What is the guest's own it writes itself. */
static enum step store(struct kernel *kernel, const struct instruction *instruction,
		       struct machine_access *access)
{
	const ZydisDecodedOperand *to = &instruction->operands[0];
	uint8_t *data = kernel->deprivileged->data;
	uint64_t value, physical;
	if (to->size > 64 || !read_operand(kernel, instruction, 1, &value) ||
	    !space_find_device(kernel, instruction_address(kernel, instruction, to), to->size / 8,
			       &physical))
		return STEP_UNKNOWN;
	memcpy(data, &value, sizeof(value));
	*access = (struct machine_access){
	    .address = physical,
	    .size = to->size / 8,
	    .count = 1,
	    .is_write = true,
	    .data = data,
	};
	return STEP_STORES;
}

static enum step do_instruction(struct kernel *kernel, const struct instruction *instruction,
				uint64_t *next, struct machine_access *access)
{
	switch (instruction->decoded.mnemonic) {
	case ZYDIS_MNEMONIC_IN:
	case ZYDIS_MNEMONIC_OUT:
	case ZYDIS_MNEMONIC_IRETQ:
		return STEP_TRAPS;
	case ZYDIS_MNEMONIC_POP:
		return pop(kernel, instruction);
	case ZYDIS_MNEMONIC_RET:
		return go_back(kernel, instruction, next);
	case ZYDIS_MNEMONIC_NOP:
	case ZYDIS_MNEMONIC_PAUSE:
	case ZYDIS_MNEMONIC_ENDBR64:
		return STEP_DONE;
	case ZYDIS_MNEMONIC_MOV:
		return instruction->operands[0].type == ZYDIS_OPERAND_TYPE_MEMORY
			   ? store(kernel, instruction, access)
			   : move(kernel, instruction);
	case ZYDIS_MNEMONIC_MOVZX:
	case ZYDIS_MNEMONIC_MOVSX:
	case ZYDIS_MNEMONIC_MOVSXD:
	case ZYDIS_MNEMONIC_LEA:
		return move(kernel, instruction);
	case ZYDIS_MNEMONIC_ADD:
	case ZYDIS_MNEMONIC_SUB:
	case ZYDIS_MNEMONIC_CMP:
	case ZYDIS_MNEMONIC_INC:
	case ZYDIS_MNEMONIC_DEC:
		return calculate(kernel, instruction);
	case ZYDIS_MNEMONIC_AND:
	case ZYDIS_MNEMONIC_OR:
	case ZYDIS_MNEMONIC_XOR:
	case ZYDIS_MNEMONIC_TEST:
		return combine(kernel, instruction);
	case ZYDIS_MNEMONIC_SHL:
	case ZYDIS_MNEMONIC_SHR:
	case ZYDIS_MNEMONIC_SAR:
		return shift(kernel, instruction);
	default:
		break;
	}
	switch (instruction->decoded.meta.category) {
	case ZYDIS_CATEGORY_COND_BR:
	case ZYDIS_CATEGORY_UNCOND_BR:
		return jump(kernel, instruction, next);
	default:
		return STEP_UNKNOWN;
	}
}

/* NULL: not this time. */
static struct beginning *begin(struct port_loop *loop, uint64_t address)
{
	struct beginning *beginning = &loop->beginnings[address % BEGINNINGS];
	if (beginning->address != address)
		*beginning = (struct beginning){.address = address};
	if (!beginning->left)
		return beginning;
	beginning->left--;
	return NULL;
}

static void note_end(struct beginning *beginning, enum port_loop_end end)
{
	if (end != PORT_LOOP_ENTER)
		beginning->passes = 0;
	else if (beginning->passes < PASSES_MAX)
		beginning->passes = (uint8_t)(beginning->passes * 2 + 1);
	beginning->left = beginning->passes;
}

static enum port_loop_end go_on(struct kernel *kernel, struct port_loop *loop,
				struct machine_access *access)
{
	struct kvm_regs *regs = kernel_regs(kernel);
	enum step step = STEP_DONE;
	for (int i = 0; i < STEPS_MAX && step == STEP_DONE; i++) {
		const struct instruction *instruction = port_loop_fetch(kernel, loop, regs->rip);
		if (!instruction)
			return PORT_LOOP_ENTER;
		uint64_t next = regs->rip + instruction->decoded.length;
		step = do_instruction(kernel, instruction, &next, access);
		if (step == STEP_DONE || step == STEP_STORES)
			regs->rip = next;
		kernel_regs_changed(kernel);
	}
	return step == STEP_TRAPS    ? PORT_LOOP_TRAPS
	       : step == STEP_STORES ? PORT_LOOP_STORES
				     : PORT_LOOP_ENTER;
}

enum port_loop_end port_loop_go_on(struct kernel *kernel, struct port_loop *loop,
				   struct machine_access *access)
{
	struct beginning *beginning = begin(loop, kernel_regs(kernel)->rip);
	if (!beginning)
		return PORT_LOOP_ENTER;
	const enum port_loop_end end = go_on(kernel, loop, access);
	note_end(beginning, end);
	return end;
}
