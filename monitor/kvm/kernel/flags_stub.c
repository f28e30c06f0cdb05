/* Stubs; see flags_stub.h.
 *
 * A stub may change nothing that the instruction does not: registers and arithmetic flags stay, and
 * below the stack pointer only what PUSHF, POPF or an interrupt may overwrite anyhow. An interrupt
 * may come between any two of its instructions. */
#include "flags_stub.h"

#include <Zydis/Zydis.h>
#include <string.h>

#include "flags_area.h"
#include "flags_search.h"

#define STUB_ALIGNMENT 16

struct writer {
	const struct flags_stubs *stubs;
	uint64_t at; /* where the next byte will stand */
	bool full;
	bool look_due; /* interrupts were let in: they come after one more instruction */
};

static void emit(struct writer *self, const void *bytes, size_t size)
{
	if (self->full || size > self->stubs->end - self->at) {
		self->full = true;
		return;
	}
	memcpy(self->stubs->memory + self->at, bytes, size);
	self->at += size;
}

/* `size` bytes of code and an address of 32 bits in the area. */
static void emit_area(struct writer *self, const char *code, size_t size, size_t offset)
{
	const uint32_t address = (uint32_t)(self->stubs->area + offset);
	emit(self, code, size);
	emit(self, &address, sizeof(address));
}

#define EMIT(self, code) emit(self, code, sizeof(code) - 1)
#define EMIT_AREA(self, code, member)                                                              \
	emit_area(self, code, sizeof(code) - 1, offsetof(struct flags_area, member))

/* An interrupt that waited for this comes by the INT3. */
static void emit_look(struct writer *self)
{
	self->look_due = false;
	EMIT(self, "\x51");			    /* push %rcx */
	EMIT_AREA(self, "\x8b\x0c\x25", pending);   /* mov pending, %ecx */
	EMIT(self, "\xe3\x04\x59\xcc\xeb\x01\x59"); /* jrcxz 1f; pop %rcx; int3; jmp 2f; */
						    /* 1: pop %rcx; 2: */
}

static void emit_cli(struct writer *self)
{
	EMIT_AREA(self, "\xc7\x04\x25", interrupt); /* movl $0, interrupt */
	EMIT(self, "\0\0\0\0");
}

static void emit_sti(struct writer *self)
{
	EMIT_AREA(self, "\xc7\x04\x25", interrupt); /* movl $0x200, interrupt */
	EMIT(self, "\0\x02\0\0");
}

static void emit_pushf(struct writer *self)
{
	EMIT(self, "\x9c\x9c");				/* pushfq; pushfq */
	EMIT(self, "\x81\x64\x24\x08\xff\xcd\xfb\xff"); /* andl $~0x43200, 8(%rsp) */
	EMIT(self, "\x50");				/* push %rax */
	EMIT_AREA(self, "\x8b\x04\x25", interrupt);	/* mov interrupt, %eax */
	EMIT_AREA(self, "\x0b\x04\x25", others);	/* or others, %eax */
	EMIT(self, "\x09\x44\x24\x10");			/* or %eax, 16(%rsp) */
	EMIT(self, "\x58\x9d");				/* pop %rax; popfq */
}

static void emit_popf(struct writer *self)
{
	EMIT(self, "\x50\x8b\x44\x24\x08");		/* push %rax; mov 8(%rsp), %eax */
	EMIT(self, "\x25\x00\x30\x04\x00");		/* and $0x43000, %eax */
	EMIT_AREA(self, "\x89\x04\x25", others);	/* mov %eax, others */
	EMIT(self, "\x8b\x44\x24\x08");			/* mov 8(%rsp), %eax */
	EMIT(self, "\x25\x00\x02\x00\x00");		/* and $0x200, %eax */
	EMIT_AREA(self, "\x89\x04\x25", interrupt);	/* mov %eax, interrupt */
	EMIT(self, "\x81\x64\x24\x08\xff\xff\xfb\xff"); /* andl $~0x40000, 8(%rsp) */
	EMIT(self, "\x58\x9d");				/* pop %rax; popfq */
	emit_look(self);
}

/* Of one byte, at the port in DX. Ports that no device here has are the only ones of which the guest
 * need not come out: what it writes there goes nowhere, and it reads ones. */
static void emit_port(struct writer *self, const ZydisDecodedInstruction *instruction)
{
	const bool reads = instruction->mnemonic == ZYDIS_MNEMONIC_IN;
	const uint8_t opcode = instruction->opcode;
	EMIT(self, "\x9c\x52");			/* pushfq; push %rdx */
	EMIT(self, "\x81\xe2\xe0\xff\x00\x00"); /* and $0xffe0, %edx */
	EMIT(self, "\x81\xfa\xc0\x03\x00\x00"); /* cmp $0x3c0, %edx: those of VGA */
	EMIT(self, "\x5a");			/* pop %rdx */
	if (reads)
		EMIT(self, "\x75\x05\x9d\xb0\xff"); /* jne 1f; popfq; mov $0xff, %al */
	else
		EMIT(self, "\x75\x03\x9d");  /* jne 1f; popfq */
	EMIT(self, "\xeb\x02\x9d");	     /* jmp 2f; 1: popfq */
	emit(self, &opcode, sizeof(opcode)); /* in (%dx), %al, or out %al, (%dx); 2: */
}

/* False, with nothing written, where that is too far away. */
static bool emit_jump(struct writer *self, uint64_t to)
{
	const int64_t wide = (int64_t)to - (int64_t)(self->at + FLAGS_JUMP_LENGTH);
	const int32_t distance = (int32_t)wide;
	if (distance != wide)
		return false;
	EMIT(self, "\xe9");
	emit(self, &distance, sizeof(distance));
	return true;
}

static bool is_near_return(const ZydisDecodedInstruction *instruction)
{
	return instruction->mnemonic == ZYDIS_MNEMONIC_RET &&
	       (instruction->opcode == 0xc3 || instruction->opcode == 0xc2);
}

/* JMP to an address that stands in it, without prefixes. */
static bool is_jump(const ZydisDecodedInstruction *instruction)
{
	return instruction->mnemonic == ZYDIS_MNEMONIC_JMP && instruction->raw.imm[0].is_relative &&
	       instruction->raw.prefix_count == 0;
}

/* Nothing that follows is reached from it. */
static bool is_last(const ZydisDecodedInstruction *instruction)
{
	return is_near_return(instruction) || is_jump(instruction);
}

/* An operand in memory, by its distance from the next instruction. */
static bool is_relative_access(const ZydisDecodedInstruction *instruction)
{
	const ZydisDecodedInstructionRaw *raw = &instruction->raw;
	return instruction->attributes & ZYDIS_ATTRIB_HAS_MODRM && raw->modrm.mod == 0 &&
	       raw->modrm.rm == 5 && raw->disp.size == 32;
}

/* Moves of control and debug registers: 0F 20 to 0F 23. */
static bool is_control_move(const ZydisDecodedInstruction *instruction)
{
	return instruction->opcode_map == ZYDIS_OPCODE_MAP_0F && (instruction->opcode & ~3) == 0x20;
}

/* The instruction means the same at another address, or can be made to, and the monitor has not to look at it. */
static bool is_movable(const ZydisDecodedInstruction *instruction)
{
	switch (instruction->meta.category) {
	case ZYDIS_CATEGORY_CALL:
	case ZYDIS_CATEGORY_COND_BR:
	case ZYDIS_CATEGORY_INTERRUPT:
	case ZYDIS_CATEGORY_SYSCALL:
	case ZYDIS_CATEGORY_SYSRET:
	case ZYDIS_CATEGORY_SYSTEM: /* HLT among them: STI; HLT is one thing */
		return false;
	case ZYDIS_CATEGORY_UNCOND_BR:
		return is_jump(instruction);
	case ZYDIS_CATEGORY_RET:
		return is_near_return(instruction);
	default:
		break;
	}
	switch (instruction->mnemonic) {
	case ZYDIS_MNEMONIC_ENDBR64: /* something leads here */
	case ZYDIS_MNEMONIC_PUSHF:   /* of 16 bits */
	case ZYDIS_MNEMONIC_POPF:
	case ZYDIS_MNEMONIC_CPUID: /* has an INT3 of its own */
	case ZYDIS_MNEMONIC_UD0:
	case ZYDIS_MNEMONIC_UD1:
	case ZYDIS_MNEMONIC_UD2:
		return false;
	default:
		return (is_relative_access(instruction) ||
			!(instruction->attributes & ZYDIS_ATTRIB_IS_RELATIVE)) &&
		       !is_control_move(instruction);
	}
}

/* What stands at `from`, so that it means the same here. False where that is too far away. */
static bool emit_moved(struct writer *self, const ZydisDecodedInstruction *instruction,
		       uint64_t from)
{
	const ZydisDecodedInstructionRaw *raw = &instruction->raw;
	uint8_t bytes[ZYDIS_MAX_INSTRUCTION_LENGTH];
	memcpy(bytes, self->stubs->memory + from, instruction->length);
	if (is_jump(instruction))
		return emit_jump(self, from + instruction->length + (uint64_t)raw->imm[0].value.s);
	if (is_relative_access(instruction)) {
		const int64_t wide = raw->disp.value + (int64_t)from - (int64_t)self->at;
		const int32_t distance = (int32_t)wide;
		if (distance != wide)
			return false;
		memcpy(bytes + raw->disp.offset, &distance, sizeof(distance));
	}
	emit(self, bytes, instruction->length);
	return true;
}

/* The instruction at `from`. False where it cannot be moved. */
static bool emit_instruction(struct writer *self, const ZydisDecodedInstruction *instruction,
			     uint64_t from)
{
	const bool look_was_due = self->look_due;
	if (look_was_due && is_last(instruction))
		emit_look(self);
	switch (instruction->mnemonic) {
	case ZYDIS_MNEMONIC_CLI:
		emit_cli(self);
		break;
	case ZYDIS_MNEMONIC_STI:
		emit_sti(self);
		self->look_due = true;
		break;
	case ZYDIS_MNEMONIC_PUSHFQ:
		emit_pushf(self);
		break;
	case ZYDIS_MNEMONIC_POPFQ:
		emit_popf(self);
		break;
	case ZYDIS_MNEMONIC_IN:
	case ZYDIS_MNEMONIC_OUT:
		if (!flags_is_port_access(instruction))
			return false;
		emit_port(self, instruction);
		break;
	default:
		if (!is_movable(instruction) || !emit_moved(self, instruction, from))
			return false;
	}
	if (look_was_due && self->look_due)
		emit_look(self);
	return true;
}

/* What stands behind a return or jump is never reached, if it is padding. A function may begin with a NOP, but
 * then where compilers begin functions. */
static bool is_padding(const ZydisDecodedInstruction *instruction, const uint8_t *bytes,
		       uint64_t at)
{
	return *bytes == 0xcc || (instruction->mnemonic == ZYDIS_MNEMONIC_NOP && at % 16 != 0);
}

/* Writes the stub. Returns the end of the instructions that it is for; 0 where there can be none. */
static uint64_t write_stub(struct writer *self, uint64_t place, uint64_t limit)
{
	ZydisDecoder decoder;
	ZydisDecodedInstruction instruction;
	bool ended = false;
	uint64_t at = place;
	ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	while (at < place + FLAGS_JUMP_LENGTH) {
		const uint8_t *bytes = self->stubs->memory + at;
		if (at >= limit || !ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(
				       &decoder, NULL, bytes, limit - at, &instruction)))
			return 0;
		if (ended && !is_padding(&instruction, bytes, at))
			return 0;
		if (!ended && !emit_instruction(self, &instruction, at))
			return 0;
		ended = ended || is_last(&instruction);
		at += instruction.length;
	}
	if (self->look_due)
		emit_look(self);
	return emit_jump(self, at) && !self->full ? at : 0;
}

uint64_t flags_stub_make(struct flags_stubs *stubs, uint64_t place, uint64_t limit)
{
	struct writer writer = {.stubs = stubs, .at = stubs->next};
	const uint64_t end = write_stub(&writer, place, limit);
	if (!end)
		return 0;
	struct writer jump = {.stubs = &(struct flags_stubs){.memory = stubs->memory, .end = end},
			      .at = place};
	if (!emit_jump(&jump, stubs->next))
		return 0;
	memset(stubs->memory + jump.at, 0xcc, end - jump.at);
	const uint64_t next = (writer.at + STUB_ALIGNMENT - 1) & ~(uint64_t)(STUB_ALIGNMENT - 1);
	stubs->next = next < stubs->end ? next : stubs->end;
	return end - place;
}
