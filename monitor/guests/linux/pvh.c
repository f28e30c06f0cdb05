/* A kernel in an ELF file with a PVH note, which names its entry: it begins in 32-bit protected mode
 * without paging, with EBX at the start info. See boot.h. */
#include <elf.h>
#include <errno.h>
#include <string.h>

#include "boot.h"
#include "sizes/sizes.h"

#define PROGRAMS_MAX	 64
#define START_INFO_MAGIC 0x336ec578U
#define MEMORY_RAM	 1

struct start_info {
	uint32_t magic, version, flags, module_count;
	uint64_t modules, command_line, rsdp, memory_map;
	uint32_t memory_count, reserved;
};

struct start_module {
	uint64_t address, size, command_line, reserved;
};

struct start_memory {
	uint64_t address, size;
	uint32_t type, reserved;
};

struct start_page {
	struct start_info info;
	struct start_module initrd;
	struct start_memory memory[2];
};

static int read_header(const struct elf_source *source, struct elf_header *header,
		       struct error *error)
{
	if (!elf_read_header(source, header))
		return error_set(error, ENOEXEC, "it is a kernel that is cut off in its header");
	if (!header->is_64_bit || header->machine != EM_X86_64)
		return error_set(error, ENOEXEC,
				 "it is a kernel for another processor, or for 32 bits: only those "
				 "for x86-64 run here");
	if (header->programs.count > PROGRAMS_MAX)
		return error_set(error, ENOEXEC, "it is a kernel of more than %d parts",
				 PROGRAMS_MAX);
	return 0;
}

static int load_program(struct linux_boot *boot, const struct elf_program *program,
			struct error *error)
{
	if (program->file_size > program->memory_size ||
	    !range_within(program->offset, program->file_size, boot->file_size))
		return error_set(error, ENOEXEC,
				 "it is a kernel that is cut off, or damaged: its part for %#lx is "
				 "not in the file",
				 program->physical);
	if (program->physical < PC_KERNEL_LOW)
		return error_set(
		    error, ENOEXEC,
		    "it is a kernel with a part for %#lx: below 1 MiB are the monitor's "
		    "tables",
		    program->physical);
	if (!range_within(program->physical, program->memory_size, boot->memory_size))
		return error_set(error, ENOMEM,
				 "it is a kernel with a part of %lu KiB for %#lx: give more memory "
				 "(--memory) than %lu MiB",
				 divide_up(program->memory_size, 1024), program->physical,
				 boot->memory_size >> 20);
	memcpy(boot->memory + program->physical, boot->file + program->offset, program->file_size);
	return 0;
}

static int load_programs(struct linux_boot *boot, const struct elf_source *source,
			 const struct elf_header *header, uint64_t entry, uint64_t *end,
			 struct error *error)
{
	bool has_entry = false;
	int result = 0;
	*end = PC_KERNEL_LOW;
	for (unsigned i = 0; i < header->programs.count && !result; i++) {
		struct elf_program program;
		if (!elf_read_program(source, header, i, &program))
			return error_set(error, ENOEXEC,
					 "it is a kernel whose program headers are not in the "
					 "file");
		if (program.type != PT_LOAD)
			continue;
		result = load_program(boot, &program, error);
		if (!result && program.physical + program.memory_size > *end)
			*end = program.physical + program.memory_size;
		has_entry = has_entry || (entry >= program.physical &&
					  entry - program.physical < program.file_size);
	}
	if (!result && !has_entry)
		result = error_set(error, ENOEXEC,
				   "it is a kernel whose PVH note names %#lx, where it has no code",
				   entry);
	return result;
}

static void write_start_info(const struct linux_boot *boot)
{
	const uint64_t modules = PC_BOOT_INFO + offsetof(struct start_page, initrd);
	const struct start_page page = {
	    .info =
		{
		    .magic = START_INFO_MAGIC,
		    .version = 1,
		    .module_count = boot->initrd_address ? 1 : 0,
		    .modules = boot->initrd_address ? modules : 0,
		    .command_line = PC_COMMAND_LINE,
		    .rsdp = LINUX_ACPI,
		    .memory_map = PC_BOOT_INFO + offsetof(struct start_page, memory),
		    .memory_count = ARRAY_SIZE(page.memory),
		},
	    .initrd = {.address = boot->initrd_address, .size = boot->initrd_size},
	    .memory = {{0, PC_LOW_END, MEMORY_RAM, 0},
		       {PC_KERNEL_LOW, boot->memory_size - PC_KERNEL_LOW, MEMORY_RAM, 0}},
	};
	memcpy(boot->memory + PC_BOOT_INFO, &page, sizeof(page));
}

int linux_pvh_load(struct linux_boot *boot, struct error *error)
{
	struct elf_header header;
	uint64_t end = 0;
	const struct elf_source source = {.data = boot->file, .fd = -1, .size = boot->file_size};
	int result = read_header(&source, &header, error);
	if (result)
		return result;
	const uint64_t entry = linux_pvh_entry(&source, &header);
	if (!entry)
		return error_set(error, ENOEXEC,
				 "it is a kernel in an ELF file without a PVH note: build it with "
				 "CONFIG_PVH=y, or give its bzImage");
	result = load_programs(boot, &source, &header, entry, &end, error);
	if (!result)
		result = linux_boot_place(boot, KERNEL_PROTECTED, end, UINT64_MAX, error);
	if (result)
		return result;
	boot->start.rip = entry;
	boot->start.rbx = PC_BOOT_INFO;
	write_start_info(boot);
	return 0;
}
