/* Finding the instructions on the interrupt flag, CPUID, and accesses to ports; see flags_search.h.
 *
 * What is decoded need not be what runs: data may stand between functions, and nobody says where
 * indirect jumps lead. Against the first, an instruction that cannot be decoded is passed over byte
 * by byte. Against the second, not only the targets of direct jumps are noted but all addresses of
 * code that an instruction names, and the targets in tables at addresses that one names, as compilers
 * make them for switches: offsets of 4 bytes from the table's beginning, or addresses of 8. The tables
 * are looked at in a step of its own, as they are data: two kernels with the same code may have others. */
#include "flags_search.h"

#include <Zydis/Zydis.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sizes/sizes.h"
#include "util/cleanup.h"

#define TABLE_ENTRIES_MAX     512
#define ALL_TABLE_ENTRIES_MAX (1UL << 20) /* code could name every entry of the same table */

/* Where something leads to. */
struct targets {
	const struct kernel_start *kernel;
	uint8_t *bits; /* one for each byte of code; the ranges follow each other */
};

struct search {
	const uint8_t *memory;
	const struct kernel_start *kernel;
	ZydisDecoder decoder;
	struct targets *targets;
	struct flags_places *places;
	size_t room, table_room;
	bool too_many_tables;
};

void flags_places_free(struct flags_places *places)
{
	free(places->places);
	free(places->tables);
	*places = (struct flags_places){0};
}

/* ── targets ─────────────────────────────────────────────────────────────────────────────────── */

static int no_memory(struct error *error)
{
	return error_set(error, ENOMEM, "no memory to search a kernel's code");
}

static int targets_init(struct targets *self, const struct kernel_start *kernel,
			struct error *error)
{
	uint64_t length = 0;
	for (size_t i = 0; i < kernel->code_count; i++)
		length += kernel->code[i].length;
	*self = (struct targets){.kernel = kernel, .bits = calloc(1, length / 8 + 1)};
	return self->bits ? 0 : no_memory(error);
}

static void targets_release(struct targets *self)
{
	free(self->bits);
}

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

static bool note_target(struct targets *self, uint64_t address)
{
	uint64_t index;
	if (!find_code(self->kernel, address, &index))
		return false;
	self->bits[index / 8] |= (uint8_t)(1U << index % 8);
	return true;
}

static bool is_target(const struct targets *self, uint64_t address)
{
	uint64_t index;
	return find_code(self->kernel, address, &index) && self->bits[index / 8] >> index % 8 & 1;
}

/* Marks the places that something leads into; all of them where that was too much to find out. */
static void judge_places(const struct targets *targets, struct flags_places *places, bool all)
{
	for (size_t i = 0; i < places->count; i++) {
		struct flags_place *place = &places->places[i];
		if (all)
			place->is_entered = 1;
		for (uint32_t byte = 1; byte < FLAGS_JUMP_LENGTH; byte++)
			if (is_target(targets, place->address + byte))
				place->is_entered = 1;
	}
}

/* ── tables ──────────────────────────────────────────────────────────────────────────────────── */

static int compare_addresses(const void *one, const void *other)
{
	const uint32_t first = *(const uint32_t *)one, second = *(const uint32_t *)other;
	return (first > second) - (first < second);
}

/* Puts the tables in order, and each once. */
static void order_tables(struct search *self)
{
	struct flags_places *places = self->places;
	size_t count = 0;
	if (places->table_count)
		qsort(places->tables, places->table_count, sizeof(*places->tables),
		      compare_addresses);
	for (size_t i = 0; i < places->table_count; i++)
		if (!i || places->tables[i] != places->tables[count - 1])
			places->tables[count++] = places->tables[i];
	if (count > FLAGS_TABLES_MAX)
		self->too_many_tables = true;
	places->table_count = self->too_many_tables ? 0 : count;
}

static int make_table_room(struct search *self, struct error *error)
{
	struct flags_places *places = self->places;
	order_tables(self);
	if (self->too_many_tables ||
	    (self->table_room && places->table_count <= self->table_room / 2))
		return 0;
	const size_t room = self->table_room ? self->table_room * 2 : 1024;
	uint32_t *larger = realloc(places->tables, room * sizeof(*larger));
	if (!larger)
		return no_memory(error);
	places->tables = larger;
	self->table_room = room;
	return 0;
}

/* Code is below 2 GiB, so that what it names in memory is below 4 GiB. */
static int add_table(struct search *self, uint64_t address, struct error *error)
{
	struct flags_places *places = self->places;
	if (address > UINT32_MAX || self->too_many_tables)
		return 0;
	int result = places->table_count == self->table_room ? make_table_room(self, error) : 0;
	if (!result && !self->too_many_tables)
		places->tables[places->table_count++] = (uint32_t)address;
	return result;
}

/* Notes the targets in a table whose entries have `size` bytes. *left are to be looked at. */
static void note_table(struct targets *targets, const uint8_t *memory, uint64_t table, size_t size,
		       size_t *left)
{
	for (uint64_t i = 0; i < TABLE_ENTRIES_MAX; i++) {
		int32_t offset;
		uint64_t address = 0;
		if (!range_within(table, (i + 1) * size, targets->kernel->memory) || !*left)
			return;
		--*left;
		memcpy(&address, memory + table + i * size, size);
		memcpy(&offset, &address, sizeof(offset));
		if (!note_target(targets,
				 size == sizeof(offset) ? table + (uint64_t)offset : address))
			return;
	}
}

int flags_search_tables(const uint8_t *memory, const struct kernel_start *kernel,
			struct flags_places *places, struct error *error)
{
	cleanup(targets_release) struct targets targets = {.bits = NULL};
	size_t left = ALL_TABLE_ENTRIES_MAX;
	int result = targets_init(&targets, kernel, error);
	if (result)
		return result;
	for (size_t i = 0; i < places->table_count; i++) {
		note_table(&targets, memory, places->tables[i], sizeof(int32_t), &left);
		note_table(&targets, memory, places->tables[i], sizeof(uint64_t), &left);
	}
	judge_places(&targets, places, !left);
	return 0;
}

/* ── instructions ────────────────────────────────────────────────────────────────────────────── */

/* Notes what an instruction leads to or names. */
static int note_targets(struct search *self, const ZydisDecodedInstruction *instruction,
			uint64_t next, struct error *error)
{
	const ZydisDecodedInstructionRaw *raw = &instruction->raw;
	for (size_t i = 0; i < ARRAY_SIZE(raw->imm); i++) {
		if (raw->imm[i].is_relative)
			note_target(self->targets, next + (uint64_t)raw->imm[i].value.s);
		else if (raw->imm[i].size >= 32)
			note_target(self->targets, raw->imm[i].value.u);
	}
	if (!(instruction->attributes & ZYDIS_ATTRIB_HAS_MODRM) || raw->modrm.mod != 0 ||
	    raw->disp.size != 32)
		return 0;
	const uint64_t offset = (uint64_t)raw->disp.value;
	const uint64_t named = raw->modrm.rm == 5 ? next + offset : offset;
	note_target(self->targets, named);
	return add_table(self, named, error);
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
				 "its code has more than %d instructions on the interrupt flag, "
				 "CPUID and accesses to ports",
				 FLAGS_PLACES_MAX);
	if (places->count == self->room) {
		const size_t room = self->room ? self->room * 2 : 256;
		struct flags_place *larger = realloc(places->places, room * sizeof(*larger));
		if (!larger)
			return no_memory(error);
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
		result = note_targets(self, &instruction, at + instruction.length, error);
		if (!result && is_wanted(&instruction))
			result = add_place(self, at, error);
	}
	return result;
}

int flags_search(const uint8_t *memory, const struct kernel_start *kernel,
		 struct flags_places *places, struct error *error)
{
	cleanup(targets_release) struct targets targets = {.bits = NULL};
	struct search search = {
	    .memory = memory, .kernel = kernel, .targets = &targets, .places = places};
	*places = (struct flags_places){0};
	int result = targets_init(&targets, kernel, error);
	begin_decoding(&search.decoder);
	for (size_t i = 0; i < kernel->code_count && !result; i++)
		result = search_range(&search, &kernel->code[i], error);
	if (result) {
		flags_places_free(places);
		return result;
	}
	order_tables(&search);
	judge_places(&targets, places, search.too_many_tables);
	return 0;
}
