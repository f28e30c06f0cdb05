/* Finding the instructions on the interrupt flag, CPUID, and accesses to ports; see flags_search.h.
 *
 * What is decoded need not be what runs: data may stand between functions, and nobody says where
 * indirect jumps lead. Against the first, an instruction that cannot be decoded is passed over byte
 * by byte. Against the second, not only the targets of direct jumps are noted but all addresses of
 * code that an instruction names, and the targets in tables at addresses that one names, as compilers
 * make them for switches: offsets of 4 bytes from the table's beginning, or addresses of 8. */
#include "flags_search.h"

#include <Zydis/Zydis.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sizes/sizes.h"
#include "util/cleanup.h"

#define TABLE_ENTRIES_MAX     512
#define ALL_TABLE_ENTRIES_MAX (1UL << 20) /* code could name the same table again and again */

struct search {
	const uint8_t *memory;
	const struct kernel_start *kernel;
	ZydisDecoder decoder;
	/* A bit for each byte of code: something leads there. The ranges follow each other. */
	uint8_t *targets;
	size_t table_entries; /* so many were looked at */
	struct flags_places *places;
	size_t room;
};

/* The number of an address among all bytes of code; false where it is no code. */
static bool find_code(const struct kernel_start *kernel, uint64_t address, uint64_t *index)
{
	*index = 0;
	for (size_t i = 0; i < kernel->code_count; i++) {
		const struct kernel_code *code = &kernel->code[i];
		if (address >= code->address && address - code->address < code->length) {
			*index += address - code->address;
			return true;
		}
		*index += code->length;
	}
	return false;
}

static bool note_target(struct search *self, uint64_t address)
{
	uint64_t index;
	if (!find_code(self->kernel, address, &index))
		return false;
	self->targets[index / 8] |= (uint8_t)(1U << index % 8);
	return true;
}

static bool is_target(const struct search *self, uint64_t address)
{
	uint64_t index;
	return find_code(self->kernel, address, &index) &&
	       self->targets[index / 8] >> index % 8 & 1;
}

/* Notes the targets in a table whose entries have `size` bytes. */
static void note_table(struct search *self, uint64_t table, size_t size)
{
	for (uint64_t i = 0; i < TABLE_ENTRIES_MAX; i++) {
		int32_t offset;
		uint64_t address = 0;
		if (!range_within(table, (i + 1) * size, self->kernel->memory) ||
		    self->table_entries == ALL_TABLE_ENTRIES_MAX)
			return;
		self->table_entries++;
		memcpy(&address, self->memory + table + i * size, size);
		memcpy(&offset, &address, sizeof(offset));
		if (!note_target(self, size == sizeof(offset) ? table + (uint64_t)offset : address))
			return;
	}
}

/* Notes what an instruction leads to or names. */
static void note_targets(struct search *self, const ZydisDecodedInstruction *instruction,
			 uint64_t next)
{
	const ZydisDecodedInstructionRaw *raw = &instruction->raw;
	for (size_t i = 0; i < ARRAY_SIZE(raw->imm); i++) {
		if (raw->imm[i].is_relative)
			note_target(self, next + (uint64_t)raw->imm[i].value.s);
		else if (raw->imm[i].size >= 32)
			note_target(self, raw->imm[i].value.u);
	}
	if (!(instruction->attributes & ZYDIS_ATTRIB_HAS_MODRM) || raw->modrm.mod != 0 ||
	    raw->disp.size != 32)
		return;
	const uint64_t offset = (uint64_t)raw->disp.value;
	const uint64_t named = raw->modrm.rm == 5 ? next + offset : offset;
	note_target(self, named);
	note_table(self, named, sizeof(int32_t));
	note_table(self, named, sizeof(uint64_t));
}

static bool is_wanted(const ZydisDecodedInstruction *instruction)
{
	const ZydisMnemonic mnemonic = instruction->mnemonic;
	return flags_is_port_access(instruction) || mnemonic == ZYDIS_MNEMONIC_CLI ||
	       mnemonic == ZYDIS_MNEMONIC_STI || mnemonic == ZYDIS_MNEMONIC_PUSHF ||
	       mnemonic == ZYDIS_MNEMONIC_PUSHFQ || mnemonic == ZYDIS_MNEMONIC_POPF ||
	       mnemonic == ZYDIS_MNEMONIC_POPFQ || mnemonic == ZYDIS_MNEMONIC_CPUID;
}

static void begin_decoding(ZydisDecoder *decoder)
{
	ZydisDecoderInit(decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	/* Lengths, raw fields and mnemonics are all that is needed here. */
	ZydisDecoderEnableMode(decoder, ZYDIS_DECODER_MODE_MINIMAL, ZYAN_TRUE);
}

bool flags_is_port_access(const ZydisDecodedInstruction *instruction)
{
	const ZydisMnemonic mnemonic = instruction->mnemonic;
	return (mnemonic == ZYDIS_MNEMONIC_IN || mnemonic == ZYDIS_MNEMONIC_OUT) &&
	       instruction->length == 1 && (instruction->opcode & ~2) == 0xec;
}

bool flags_is_place(const uint8_t *code, uint64_t length)
{
	ZydisDecoder decoder;
	ZydisDecodedInstruction instruction;
	begin_decoding(&decoder);
	return ZYAN_SUCCESS(
		   ZydisDecoderDecodeInstruction(&decoder, NULL, code, length, &instruction)) &&
	       is_wanted(&instruction);
}

static int add_place(struct search *self, uint64_t address, struct error *error)
{
	struct flags_places *places = self->places;
	if (places->count == FLAGS_PLACES_MAX)
		return error_set(error, E2BIG,
				 "its code has more than %d instructions on the interrupt flag, or "
				 "CPUID",
				 FLAGS_PLACES_MAX);
	if (places->count == self->room) {
		const size_t room = self->room ? self->room * 2 : 256;
		struct flags_place *larger = realloc(places->places, room * sizeof(*larger));
		if (!larger)
			return error_set(error, ENOMEM, "no memory to search a kernel's code");
		places->places = larger;
		self->room = room;
	}
	places->places[places->count++] = (struct flags_place){.address = (uint32_t)address};
	return 0;
}

static int search_range(struct search *self, const struct kernel_code *code, struct error *error)
{
	ZydisDecodedInstruction instruction;
	const uint64_t end = code->address + code->length;
	int result = 0;
	for (uint64_t at = code->address; at < end && !result; at += instruction.length) {
		if (!ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(
			&self->decoder, NULL, self->memory + at, end - at, &instruction))) {
			instruction.length = 1;
			continue;
		}
		note_targets(self, &instruction, at + instruction.length);
		if (is_wanted(&instruction))
			result = add_place(self, at, error);
	}
	return result;
}

/* Says for each place whether something leads into it. Where that was too much to find out, something
 * does. */
static void judge_places(const struct search *self)
{
	for (size_t i = 0; i < self->places->count; i++) {
		struct flags_place *place = &self->places->places[i];
		place->is_entered = self->table_entries == ALL_TABLE_ENTRIES_MAX;
		for (uint32_t byte = 1; byte < FLAGS_JUMP_LENGTH; byte++)
			if (is_target(self, place->address + byte))
				place->is_entered = 1;
	}
}

int flags_search(const uint8_t *memory, const struct kernel_start *kernel,
		 struct flags_places *places, struct error *error)
{
	uint64_t length = 0;
	for (size_t i = 0; i < kernel->code_count; i++)
		length += kernel->code[i].length;
	cleanup_free uint8_t *targets = calloc(1, length / 8 + 1);
	if (!targets)
		return error_set(error, ENOMEM, "no memory to search a kernel's code");
	struct search search = {
	    .memory = memory, .kernel = kernel, .targets = targets, .places = places};
	*places = (struct flags_places){0};
	begin_decoding(&search.decoder);
	int result = 0;
	for (size_t i = 0; i < kernel->code_count && !result; i++)
		result = search_range(&search, &kernel->code[i], error);
	judge_places(&search);
	if (result) {
		free(places->places);
		*places = (struct flags_places){0};
	}
	return result;
}
