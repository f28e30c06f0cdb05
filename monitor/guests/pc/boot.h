/* What boot protocols of PCs have in common: what lies where in a kernel's memory before it starts,
 * descriptor table and page tables for the beginning, command line, initial RAM disk.
 *
 *     0x500       descriptor table
 *     0x7000      what the boot protocol tells the kernel
 *     0x8ff0      the end of a stack
 *     0x9000      page tables: the first 4 GiB are where they are
 *     0x20000     command line
 *     0x30000     memory up to 0x9fc00 that is free
 *     0xc0000     the page of the interrupt flag (isolation/kernel.h)
 *     0x100000    kernel, where its file says; the initial RAM disk ends where the memory does
 */
#ifndef MAYFLY_MONITOR_PC_BOOT_H
#define MAYFLY_MONITOR_PC_BOOT_H

#include <stddef.h>
#include <stdint.h>

#include "monitor/isolation/kernel.h"
#include "util/error.h"

#define PC_GDT		0x500UL
#define PC_BOOT_INFO	0x7000UL
#define PC_STACK	0x8ff0UL
#define PC_PAGE_TABLES	0x9000UL
#define PC_COMMAND_LINE 0x20000UL
#define PC_LOW_BEGIN	0x30000UL
#define PC_LOW_END	0x9fc00UL
#define PC_FLAGS_PAGE	0xc0000UL
#define PC_KERNEL_LOW	0x100000UL

#define PC_COMMAND_LINE_MAX (PC_LOW_BEGIN - PC_COMMAND_LINE) /* with its NUL */

/* A kernel's memory: devices have their places above. */
#define PC_MEMORY_MIN (8UL << 20)
#define PC_MEMORY_MAX (3UL << 30)

/* Writes descriptor table and page tables for a processor in 64-bit mode, or the former for one in
 * 32-bit protected mode. */
void pc_boot_tables(uint8_t *memory, enum kernel_mode mode);

/* The registers to them: flat segments, with the selectors that Linux's 64-bit boot protocol names,
 * and a stack. Sets nothing of *start that a boot protocol is to say. */
void pc_boot_registers(enum kernel_mode mode, struct kernel_start *start);

/* Puts the initial RAM disk at the end of memory, behind the kernel. *address is 0 where there is
 * none. ENOMEM where it does not fit. */
int pc_boot_initrd(uint8_t *memory, uint64_t memory_size, uint64_t kernel_end,
		   const uint8_t *initrd, size_t size, uint64_t *address, struct error *error);

#endif
