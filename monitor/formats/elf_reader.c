/* ELF files of 32 and of 64 bits; see elf_reader.h. */
#include "elf_reader.h"

#include <elf.h>
#include <string.h>
#include <unistd.h>

#include "sizes/sizes.h"

bool elf_read(const struct elf_source *source, uint64_t offset, void *out, size_t length)
{
	if (!range_within(offset, length, source->size))
		return false;
	if (!source->data)
		return pread(source->fd, out, length, (off_t)offset) == (ssize_t)length;
	memcpy(out, source->data + offset, length);
	return true;
}

static bool read_header_32(const struct elf_source *source, struct elf_header *header)
{
	Elf32_Ehdr raw;
	if (!elf_read(source, 0, &raw, sizeof(raw)))
		return false;
	*header = (struct elf_header){
	    .type = raw.e_type,
	    .machine = raw.e_machine,
	    .entry = raw.e_entry,
	    .programs = {raw.e_phoff, raw.e_phentsize, raw.e_phnum},
	    .sections = {raw.e_shoff, raw.e_shentsize, raw.e_shnum},
	    .names = raw.e_shstrndx,
	};
	return true;
}

static bool read_header_64(const struct elf_source *source, struct elf_header *header)
{
	Elf64_Ehdr raw;
	if (!elf_read(source, 0, &raw, sizeof(raw)))
		return false;
	*header = (struct elf_header){
	    .is_64_bit = true,
	    .type = raw.e_type,
	    .machine = raw.e_machine,
	    .entry = raw.e_entry,
	    .programs = {raw.e_phoff, raw.e_phentsize, raw.e_phnum},
	    .sections = {raw.e_shoff, raw.e_shentsize, raw.e_shnum},
	    .names = raw.e_shstrndx,
	};
	return true;
}

bool elf_read_header(const struct elf_source *source, struct elf_header *header)
{
	uint8_t identity[EI_NIDENT];
	if (!elf_read(source, 0, identity, sizeof(identity)) ||
	    memcmp(identity, ELFMAG, SELFMAG) != 0 || identity[EI_DATA] != ELFDATA2LSB)
		return false;
	if (identity[EI_CLASS] == ELFCLASS32)
		return read_header_32(source, header);
	return identity[EI_CLASS] == ELFCLASS64 && read_header_64(source, header);
}

static bool read_entry(const struct elf_source *source, const struct elf_table *table, unsigned i,
		       void *out, size_t size)
{
	uint64_t offset;
	return i < table->count && table->entry_size == size &&
	       !add_overflows(table->offset, i * size, &offset) &&
	       elf_read(source, offset, out, size);
}

bool elf_read_program(const struct elf_source *source, const struct elf_header *header, unsigned i,
		      struct elf_program *program)
{
	Elf32_Phdr raw_32;
	Elf64_Phdr raw;
	if (header->is_64_bit) {
		if (!read_entry(source, &header->programs, i, &raw, sizeof(raw)))
			return false;
		*program =
		    (struct elf_program){raw.p_type,  raw.p_flags, raw.p_offset, raw.p_filesz,
					 raw.p_paddr, raw.p_memsz, raw.p_vaddr};
		return true;
	}
	if (!read_entry(source, &header->programs, i, &raw_32, sizeof(raw_32)))
		return false;
	*program =
	    (struct elf_program){raw_32.p_type,	 raw_32.p_flags, raw_32.p_offset, raw_32.p_filesz,
				 raw_32.p_paddr, raw_32.p_memsz, raw_32.p_vaddr};
	return true;
}

bool elf_read_section(const struct elf_source *source, const struct elf_header *header, unsigned i,
		      struct elf_section *section)
{
	Elf32_Shdr raw_32;
	Elf64_Shdr raw;
	if (header->is_64_bit) {
		if (!read_entry(source, &header->sections, i, &raw, sizeof(raw)))
			return false;
		*section = (struct elf_section){raw.sh_name, raw.sh_type, raw.sh_flags,
						raw.sh_offset, raw.sh_size};
		return true;
	}
	if (!read_entry(source, &header->sections, i, &raw_32, sizeof(raw_32)))
		return false;
	*section = (struct elf_section){raw_32.sh_name, raw_32.sh_type, raw_32.sh_flags,
					raw_32.sh_offset, raw_32.sh_size};
	return true;
}
