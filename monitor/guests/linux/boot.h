/* How a Linux kernel is laid out in its memory before it starts, by the boot protocol that its file
 * asks for. Where things lie is in pc/boot.h; ACPI tables are at 0xe0000, which the memory map leaves
 * out. Internal to this folder.
 *
 * References: Documentation/arch/x86/boot.rst; xen/include/public/arch-x86/hvm/start_info.h for PVH.
 */
#ifndef MAYFLY_MONITOR_LINUX_BOOT_H
#define MAYFLY_MONITOR_LINUX_BOOT_H

#include <stddef.h>
#include <stdint.h>

#include "monitor/formats/linux_kernel.h"
#include "monitor/guests/pc/boot.h"
#include "monitor/isolation/kernel.h"
#include "util/error.h"

#define LINUX_ACPI	0xe0000UL
#define LINUX_ACPI_SIZE 0x2000UL

#define LINUX_FILE_MAX	       (512UL << 20)
#define LINUX_COMMAND_LINE_MAX 2048 /* with its NUL: what Linux reads (COMMAND_LINE_SIZE) */

struct linux_boot {
	const uint8_t *file; /* the kernel's, nobody's promise but its size */
	size_t file_size;
	const uint8_t *initrd; /* NULL: none */
	size_t initrd_size;
	const char *command_line;  /* shorter than LINUX_COMMAND_LINE_MAX */
	uint8_t *memory;	   /* the guest's, from guest-physical 0, zero */
	uint64_t memory_size;	   /* PC_MEMORY_MIN to PC_MEMORY_MAX */
	uint64_t initrd_address;   /* 0: none */
	struct kernel_start start; /* what the processor begins with */
};

/* Puts tables and the command line into memory, and the initial RAM disk between `kernel_end` and
 * `limit`, the first address that it may not reach; sets what of `start` is the same in both. */
int linux_boot_place(struct linux_boot *boot, enum kernel_mode mode, uint64_t kernel_end,
		     uint64_t limit, struct error *error);

/* Loads a bzImage by the 64-bit boot protocol: memory and start are complete then, but for the ACPI
 * tables. ENOEXEC for what is no such kernel, ENOMEM where the memory is too small for it. */
int linux_bzimage_load(struct linux_boot *boot, struct error *error);

/* The same for an ELF file with a PVH note. */
int linux_pvh_load(struct linux_boot *boot, struct error *error);

#endif
