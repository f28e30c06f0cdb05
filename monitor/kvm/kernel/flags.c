/* The interrupt flag of a deprivileged kernel; see flags.h. */
#include "flags.h"

#include <Zydis/Zydis.h>
#include <errno.h>
#include <string.h>

#include "flags_area.h"
#include "flags_cache.h"
#include "flags_search.h"
#include "flags_stub.h"
#include "mayfly/guest_abi.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"

/* ── rewriting ───────────────────────────────────────────────────────────────────────────────── */

static int check_ranges(const struct kernel_start *kernel, struct error *error)
{
	const uint64_t area = kernel->flags_page, area_end = area + KERNEL_FLAGS_SIZE;
	const uint64_t limit =
	    kernel->memory < FLAGS_CODE_LIMIT ? kernel->memory : FLAGS_CODE_LIMIT;
	uint64_t last = 0;
	bool sound = area % GUEST_PAGE_SIZE == 0 && range_within(area, KERNEL_FLAGS_SIZE, limit) &&
		     kernel->code_count <= KERNEL_CODES_MAX;
	for (size_t i = 0; i < kernel->code_count && sound; i++) {
		const struct kernel_code *code = &kernel->code[i];
		sound = range_within(code->address, code->length, limit) && code->address >= last &&
			(code->address >= area_end || code->address + code->length <= area);
		last = code->address + code->length;
	}
	return sound ? 0
		     : error_set(error, ENOEXEC,
				 "its code does not lie in its memory, below 2 GiB and in the "
				 "order of its addresses");
}

/* The end of the range of code that holds `address`; 0: none does. */
static uint64_t code_end(const struct kernel_start *kernel, uint64_t address)
{
	for (size_t i = 0; i < kernel->code_count; i++) {
		const struct kernel_code *code = &kernel->code[i];
		if (address >= code->address && address - code->address < code->length)
			return code->address + code->length;
	}
	return 0;
}

/* What is to be in the table for the instruction at a place; KERNEL_FLAGS_NONE for CLI and STI, which
 * trap, and where there is no such instruction. */
static struct flags_site describe_place(const uint8_t *memory, uint64_t place, uint64_t end)
{
	ZydisDecoder decoder;
	ZydisDecodedInstruction instruction;
	struct flags_site site = {.address = (uint32_t)place};
	ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	if (!ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(&decoder, NULL, memory + place, end - place,
							&instruction)))
		return site;
	switch (instruction.mnemonic) {
	case ZYDIS_MNEMONIC_PUSHF:
	case ZYDIS_MNEMONIC_PUSHFQ:
		site.instruction = KERNEL_FLAGS_PUSH;
		break;
	case ZYDIS_MNEMONIC_POPF:
	case ZYDIS_MNEMONIC_POPFQ:
		site.instruction = KERNEL_FLAGS_POP;
		break;
	case ZYDIS_MNEMONIC_CPUID:
		site.instruction = KERNEL_FLAGS_CPUID;
		site.length = instruction.length;
		return site;
	default:
		return site;
	}
	site.length = instruction.length;
	site.size = instruction.operand_width / 8;
	return site;
}

static int add_site(uint8_t *memory, const struct kernel_start *kernel, struct flags_site site,
		    struct error *error)
{
	struct flags_area *area = (struct flags_area *)(memory + kernel->flags_page);
	if (site.instruction == KERNEL_FLAGS_NONE)
		return 0;
	if (area->site_count == FLAGS_SITES_MAX)
		return error_set(
		    error, E2BIG,
		    "its code has more instructions on the interrupt flag, CPUID and accesses "
		    "to ports than can be rewritten; a machine with hardware virtualisation "
		    "runs it");
	area->sites[area->site_count++] = site;
	memory[site.address] = 0xcc;
	return 0;
}

static int rewrite(uint8_t *memory, const struct kernel_start *kernel,
		   const struct flags_places *places, struct error *error)
{
	struct flags_stubs stubs = {.memory = memory,
				    .area = kernel->flags_page,
				    .next = kernel->flags_page + FLAGS_STUBS_OFFSET,
				    .end = kernel->flags_page + KERNEL_FLAGS_SIZE};
	uint64_t done = 0; /* the code before it is as it will be */
	int result = 0;
	memset(memory + kernel->flags_page, 0, KERNEL_FLAGS_SIZE);
	for (size_t i = 0; i < places->count && !result; i++) {
		const struct flags_place *place = &places->places[i];
		if (place->address < done)
			continue;
		const uint64_t end = code_end(kernel, place->address);
		const uint64_t taken =
		    place->is_entered ? 0 : flags_stub_make(&stubs, place->address, end);
		if (!taken)
			result = add_site(memory, kernel,
					  describe_place(memory, place->address, end), error);
		done = place->address + (taken ? taken : 1);
	}
	return result;
}

/* What the cache says of the code is possible: places in it where there are such instructions. */
static bool fits(const uint8_t *memory, const struct kernel_start *kernel,
		 const struct flags_places *places)
{
	uint64_t last = 0;
	for (size_t i = 0; i < places->count; i++) {
		const uint64_t place = places->places[i].address;
		const uint64_t end = code_end(kernel, place);
		if (!end || (i && place <= last) || !flags_is_place(memory + place, end - place))
			return false;
		last = place;
	}
	return true;
}

/* What the code says: from the cache, or it is decoded. The caller frees *places. */
static int find_places(const uint8_t *memory, const struct kernel_start *kernel,
		       struct flags_places *places, struct error *error)
{
	char name[HASH_HEX_SIZE];
	flags_cache_name(memory, kernel, name);
	if (flags_cache_recall(name, places) && fits(memory, kernel, places))
		return 0;
	flags_places_free(places);
	int result = flags_search(memory, kernel, places, error);
	if (!result)
		flags_cache_remember(name, places);
	return result;
}

int kernel_flags_patch(uint8_t *memory, const struct kernel_start *kernel, struct error *error)
{
	cleanup(flags_places_free) struct flags_places places = {0};
	if (!kernel->flags_page)
		return 0;
	int result = check_ranges(kernel, error);
	if (!result)
		result = find_places(memory, kernel, &places, error);
	if (!result)
		result = flags_search_tables(memory, kernel, &places, error);
	return result ? result : rewrite(memory, kernel, &places, error);
}

/* ── running ─────────────────────────────────────────────────────────────────────────────────── */

void kernel_flags_share(uint8_t *memory, const struct kernel_start *kernel, uint64_t flags,
			bool pending)
{
	struct flags_area *area = (struct flags_area *)(memory + kernel->flags_page);
	const uint32_t words[] = {
	    (uint32_t)(flags & KERNEL_FLAGS_INTERRUPT),
	    (uint32_t)(flags & KERNEL_FLAGS_VIRTUAL & ~KERNEL_FLAGS_INTERRUPT), pending};
	/* A page that is the same is not written, so that a clone need not have its own. */
	if (kernel->flags_page && memcmp(area, words, sizeof(words)) != 0)
		memcpy(area, words, sizeof(words));
}

uint64_t kernel_flags_fetch(const uint8_t *memory, const struct kernel_start *kernel,
			    uint64_t flags)
{
	uint32_t words[2];
	if (!kernel->flags_page)
		return flags;
	memcpy(words, memory + kernel->flags_page, sizeof(words));
	return (words[0] & KERNEL_FLAGS_INTERRUPT) |
	       (words[1] & KERNEL_FLAGS_VIRTUAL & ~KERNEL_FLAGS_INTERRUPT);
}

/* The site at `address`; one of KERNEL_FLAGS_NONE: there is none. The table need not be in order any
 * more. */
static struct flags_site find_site(const struct flags_area *area, uint64_t address)
{
	const uint32_t count = area->site_count;
	uint32_t low = 0, high = count < FLAGS_SITES_MAX ? count : FLAGS_SITES_MAX;
	while (low < high) {
		const uint32_t middle = low + (high - low) / 2;
		const struct flags_site site = area->sites[middle];
		if (site.address == address)
			return site;
		if (site.address < address)
			low = middle + 1;
		else
			high = middle;
	}
	return (struct flags_site){.instruction = KERNEL_FLAGS_NONE};
}

static bool site_is_sound(const struct flags_site *site)
{
	switch (site->instruction) {
	case KERNEL_FLAGS_PUSH:
	case KERNEL_FLAGS_POP:
		return site->size == 2 || site->size == 8;
	case KERNEL_FLAGS_CPUID:
		return site->size == 0;
	default:
		return false;
	}
}

struct kernel_flags_site kernel_flags_site(const uint8_t *memory, const struct kernel_start *kernel,
					   uint64_t rip)
{
	const uint64_t stubs = kernel->flags_page + FLAGS_STUBS_OFFSET;
	struct kernel_flags_site result = {.instruction = KERNEL_FLAGS_NONE};
	if (!kernel->flags_page || !rip)
		return result;
	if (rip > stubs && rip < kernel->flags_page + KERNEL_FLAGS_SIZE) {
		result.instruction = KERNEL_FLAGS_LOOK;
		result.next = rip;
		return result;
	}
	const struct flags_area *area = (const struct flags_area *)(memory + kernel->flags_page);
	const struct flags_site site = find_site(area, rip - 1);
	if (!site_is_sound(&site))
		return result;
	result.instruction = site.instruction;
	result.next = rip - 1 + site.length;
	result.size = site.size;
	return result;
}
