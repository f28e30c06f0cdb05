/* Page tables of Solo5 guests; see tables.h.
 *
 * Memory that is only data is mapped by pages of 2 MiB. Where code or constants are there are tables
 * of small pages, as at the beginning of memory. All tables lie in pages below SOLO5_GUEST_BASE that
 * the guest does not see. References: Intel SDM, volume 3, 4.5 (paging) and 3.4.5 (descriptors).
 */
#include "tables.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "mayfly/guest_abi.h"
#include "monitor/formats/solo5_abi.h"
#include "monitor/isolation/call_box.h"
#include "sizes/sizes.h"

#define GDT_ADDRESS	    0x1000UL
#define TOP_ADDRESS	    0x2000UL
#define GIB_ADDRESS	    0x3000UL
#define DIRECTORIES_ADDRESS 0x4000UL /* one for each GiB */
#define SMALL_ADDRESS	    0x8000UL /* tables of small pages: these, and those below */
#define SMALL_END	    SOLO5_BOOT_ADDRESS
#define MORE_ADDRESS	    0x20000UL
#define MORE_END	    SOLO5_CALLS_ADDRESS

#define ENTRIES	   512UL
#define PRESENT	   (1UL << 0)
#define WRITABLE   (1UL << 1)
#define ACCESSED   (1UL << 5)
#define DIRTY	   (1UL << 6)
#define LARGE	   (1UL << 7)
#define NO_EXECUTE (1UL << 63)

/* Bits that are set already need not be written by the processor: a clone would have a copy. */
#define TABLE (PRESENT | WRITABLE | ACCESSED)
#define PAGE  (PRESENT | ACCESSED | DIRTY)
#define DATA  (PAGE | WRITABLE | NO_EXECUTE)

#define CODE_DESCRIPTOR 0x00af9b000000ffffUL /* 64 bits, execute and read, accessed */
#define DATA_DESCRIPTOR 0x00cf93000000ffffUL

struct tables {
	uint8_t *memory;
	uint64_t size;
	uint64_t next; /* where the next table of small pages goes */
};

static uint64_t *table_at(const struct tables *tables, uint64_t address)
{
	return (uint64_t *)(tables->memory + address);
}

/* The entry of the directory for `address`, which is below 4 GiB. */
static uint64_t *directory_entry(const struct tables *tables, uint64_t address)
{
	return table_at(tables, DIRECTORIES_ADDRESS) + address / SOLO5_MEMORY_UNIT;
}

static void map_large(const struct tables *tables)
{
	for (uint64_t gib = 0; gib << 30 < tables->size; gib++)
		table_at(tables, GIB_ADDRESS)[gib] =
		    (DIRECTORIES_ADDRESS + gib * GUEST_PAGE_SIZE) | TABLE;
	table_at(tables, TOP_ADDRESS)[0] = GIB_ADDRESS | TABLE;
	for (uint64_t at = 0; at < tables->size; at += SOLO5_MEMORY_UNIT)
		*directory_entry(tables, at) = at | DATA | LARGE;
}

/* Has the 2 MiB at `address` mapped by small pages; NULL: there is no room for their table. */
static uint64_t *split(struct tables *tables, uint64_t address)
{
	uint64_t *entry = directory_entry(tables, address);
	if (!(*entry & LARGE))
		return table_at(tables, *entry & ~(GUEST_PAGE_SIZE - 1) & ~NO_EXECUTE);
	if (tables->next == SMALL_END)
		tables->next = MORE_ADDRESS;
	if (tables->next == MORE_END)
		return NULL;
	uint64_t *small = table_at(tables, tables->next);
	const uint64_t begin = round_down(address, SOLO5_MEMORY_UNIT);
	for (uint64_t i = 0; i < ENTRIES; i++)
		small[i] = (begin + i * GUEST_PAGE_SIZE) | DATA;
	*entry = tables->next | TABLE;
	tables->next += GUEST_PAGE_SIZE;
	return small;
}

static int protect(struct tables *tables, const struct solo5_segment *segment, struct error *error)
{
	const uint64_t flags = PAGE | (segment->executable ? 0 : NO_EXECUTE);
	for (uint64_t at = segment->start; at < segment->end; at += GUEST_PAGE_SIZE) {
		uint64_t *small = split(tables, at);
		if (!small)
			return error_set(error, ENOEXEC,
					 "its code and constants are larger than %lu MiB",
					 (SMALL_END - SMALL_ADDRESS + MORE_END - MORE_ADDRESS) /
						 GUEST_PAGE_SIZE * SOLO5_MEMORY_UNIT >>
					     20);
		small[at / GUEST_PAGE_SIZE % ENTRIES] = at | flags;
	}
	return 0;
}

/* Null pointers and the tables themselves are not there. The box for calls and its stubs are. */
static void hide_low_memory(struct tables *tables)
{
	uint64_t *small = split(tables, 0);
	const uint64_t box = SOLO5_CALLS_ADDRESS, stubs = box + CALL_BOX_STUBS_OFFSET;
	for (uint64_t at = 0; at < SOLO5_GUEST_BASE; at += GUEST_PAGE_SIZE) {
		const bool boot = at >= SOLO5_BOOT_ADDRESS && at < SOLO5_BOOT_END;
		small[at / GUEST_PAGE_SIZE] = boot ? at | PAGE | NO_EXECUTE : 0;
	}
	small[box / GUEST_PAGE_SIZE] = box | DATA;
	small[stubs / GUEST_PAGE_SIZE] = stubs | PAGE;
}

int solo5_tables_build(uint8_t *memory, uint64_t size, const struct solo5_program *program,
		       struct kernel_start *start, struct error *error)
{
	static const uint64_t descriptors[] = {0, CODE_DESCRIPTOR, DATA_DESCRIPTOR};
	struct tables tables = {.memory = memory, .size = size, .next = SMALL_ADDRESS};
	memcpy(memory + GDT_ADDRESS, descriptors, sizeof(descriptors));
	map_large(&tables);
	hide_low_memory(&tables);
	start->gdt = GDT_ADDRESS;
	start->gdt_limit = sizeof(descriptors) - 1;
	start->code_selector = 1 * sizeof(descriptors[0]);
	start->data_selector = 2 * sizeof(descriptors[0]);
	start->cr3 = TOP_ADDRESS;
	for (size_t i = 0; i < program->segment_count; i++) {
		int result = program->segments[i].writable
				 ? 0
				 : protect(&tables, &program->segments[i], error);
		if (result)
			return result;
	}
	return 0;
}
