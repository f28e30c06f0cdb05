/* What boot protocols of PCs have in common; see boot.h. */
#include "boot.h"

#include <errno.h>
#include <string.h>

#include "mayfly/guest_abi.h"
#include "sizes/sizes.h"

/* The selectors of Linux: __BOOT_CS is 0x10, __BOOT_DS 0x18. */
#define BOOT_CODE     0x10
#define BOOT_DATA     0x18
#define GDT_ENTRIES   4
#define GDT_CODE_LONG 0x00af9b000000ffffUL
#define GDT_CODE_FLAT 0x00cf9b000000ffffUL
#define GDT_DATA_FLAT 0x00cf93000000ffffUL

#define CR0_PROTECTED 0x11UL /* ET PE */
#define CR0_PAGING    0x80000000UL
#define CR4_PAE	      0x20UL
#define EFER_LONG     0x500UL /* LMA LME */

#define PAGE_TABLE    0x23UL /* present, writable, accessed */
#define PAGE_LARGE    0xe3UL /* and dirty, of 2 MiB */
#define TABLE_ENTRIES 512UL
#define MAPPED_GIB    4UL

static void map_first_memory(uint8_t *memory)
{
	uint64_t *table = (uint64_t *)(memory + PC_PAGE_TABLES);
	const uint64_t middle = PC_PAGE_TABLES + GUEST_PAGE_SIZE;
	const uint64_t last = middle + GUEST_PAGE_SIZE;
	table[0] = middle | PAGE_TABLE;
	for (uint64_t i = 0; i < MAPPED_GIB; i++)
		table[TABLE_ENTRIES + i] = (last + i * GUEST_PAGE_SIZE) | PAGE_TABLE;
	for (uint64_t i = 0; i < MAPPED_GIB * TABLE_ENTRIES; i++)
		table[2 * TABLE_ENTRIES + i] = i << 21 | PAGE_LARGE;
}

void pc_boot_tables(uint8_t *memory, enum kernel_mode mode)
{
	const bool is_long = mode == KERNEL_LONG;
	const uint64_t gdt[GDT_ENTRIES] = {0, 0, is_long ? GDT_CODE_LONG : GDT_CODE_FLAT,
					   GDT_DATA_FLAT};
	memcpy(memory + PC_GDT, gdt, sizeof(gdt));
	if (is_long)
		map_first_memory(memory);
}

void pc_boot_registers(enum kernel_mode mode, struct kernel_start *start)
{
	const bool is_long = mode == KERNEL_LONG;
	start->mode = mode;
	start->gdt = PC_GDT;
	start->gdt_limit = GDT_ENTRIES * sizeof(uint64_t) - 1;
	start->code_selector = BOOT_CODE;
	start->data_selector = BOOT_DATA;
	start->rsp = start->rbp = PC_STACK;
	start->cr0 = is_long ? CR0_PAGING | CR0_PROTECTED : CR0_PROTECTED;
	start->cr3 = is_long ? PC_PAGE_TABLES : 0;
	start->cr4 = is_long ? CR4_PAE : 0;
	start->efer = is_long ? EFER_LONG : 0;
}

int pc_boot_initrd(uint8_t *memory, uint64_t memory_size, uint64_t kernel_end,
		   const uint8_t *initrd, size_t size, uint64_t *address, struct error *error)
{
	*address = 0;
	if (!size)
		return 0;
	if (kernel_end + GUEST_PAGE_SIZE > memory_size ||
	    size > memory_size - kernel_end - GUEST_PAGE_SIZE)
		return error_set(error, ENOMEM,
				 "its initial RAM disk of %zu KiB does not fit behind the kernel, "
				 "which ends at %lu KiB: give more memory (--memory) than %lu MiB",
				 divide_up(size, 1024), kernel_end >> 10, memory_size >> 20);
	*address = round_down(memory_size - size, GUEST_PAGE_SIZE);
	memcpy(memory + *address, initrd, size);
	return 0;
}
