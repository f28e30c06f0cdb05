/* ELF programs; see elf_file.h. Every number in the file is somebody else's: nothing is used before
 * it was compared with the file's size. */
#include "elf_file.h"

#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "mayfly/guest_abi.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/file.h"

static int check_header(const Elf64_Ehdr *header, size_t size, const char *name,
			struct error *error)
{
	if (size >= 2 && !memcmp(header, "#!", 2))
		return error_set(
		    error, ENOEXEC,
		    "%s is a script: give the tree with its interpreter by --root, and its path "
		    "there (for this machine's --root / and the absolute path)",
		    name);
	if (size < EI_NIDENT || memcmp(header->e_ident, ELFMAG, SELFMAG) != 0)
		return error_set(error, ENOEXEC,
				 "%s is not an ELF program; give a Linux program for x86-64", name);
	if (size < sizeof(*header))
		return error_set(error, ENOEXEC, "%s is cut off within its ELF header", name);
	if (header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_ident[EI_DATA] != ELFDATA2LSB ||
	    header->e_machine != EM_X86_64)
		return error_set(
		    error, ENOEXEC,
		    "%s is a program for another machine (ELF machine %u); Mayfly runs "
		    "x86-64 programs of 64 bits",
		    name, header->e_machine);
	if (header->e_type != ET_EXEC && header->e_type != ET_DYN)
		return error_set(error, ENOEXEC, "%s is an ELF file of type %u, not a program",
				 name, header->e_type);
	if (header->e_phentsize != sizeof(Elf64_Phdr) || !header->e_phnum)
		return error_set(error, ENOEXEC, "%s has no program headers", name);
	if (!range_within(header->e_phoff, (uint64_t)header->e_phnum * sizeof(Elf64_Phdr), size))
		return error_set(error, ENOEXEC, "%s is cut off within its program headers", name);
	return 0;
}

static uint32_t protection_of(uint32_t flags)
{
	return (flags & PF_R ? GUEST_READ : 0) | (flags & PF_W ? GUEST_WRITE : 0) |
	       (flags & PF_X ? GUEST_EXECUTE : 0);
}

static int add_segment(struct elf_file *file, const Elf64_Phdr *header, const char *name,
		       struct error *error)
{
	uint64_t end, end_page;
	if (!range_within(header->p_offset, header->p_filesz, file->size))
		return error_set(
		    error, ENOEXEC,
		    "%s is cut off: a segment of %lu bytes at %#lx ends beyond the file", name,
		    header->p_filesz, header->p_offset);
	if (header->p_filesz > header->p_memsz ||
	    add_overflows(header->p_vaddr, header->p_memsz, &end) ||
	    round_up_overflows(end, GUEST_PAGE_SIZE, &end_page) || end_page > ELF_ADDRESS_LIMIT)
		return error_set(error, ENOEXEC,
				 "%s has a segment at %#lx that no address space can hold", name,
				 header->p_vaddr);
	if (header->p_vaddr % GUEST_PAGE_SIZE != header->p_offset % GUEST_PAGE_SIZE)
		return error_set(error, ENOEXEC, "%s has a misaligned segment at %#lx", name,
				 header->p_vaddr);
	if (!header->p_memsz)
		return 0;
	if (file->segment_count == ELF_SEGMENTS_MAX)
		return error_set(error, ENOEXEC, "%s has more than %d segments", name,
				 ELF_SEGMENTS_MAX);
	uint64_t start_page = round_down(header->p_vaddr, GUEST_PAGE_SIZE);
	if (file->segment_count && start_page < file->high)
		return error_set(error, ENOEXEC,
				 "%s has overlapping segments: pages at %#lx belong to two", name,
				 start_page);
	if (!file->segment_count)
		file->low = start_page;
	file->high = end_page;
	file->segments[file->segment_count++] = (struct elf_segment){
	    .address = header->p_vaddr,
	    .memory_size = header->p_memsz,
	    .offset = header->p_offset,
	    .file_size = header->p_filesz,
	    .protection = protection_of(header->p_flags),
	};
	return 0;
}

static int set_interpreter(struct elf_file *file, const uint8_t *data, const Elf64_Phdr *header,
			   const char *name, struct error *error)
{
	/* The size counts the NUL. */
	if (header->p_filesz < 2 || header->p_filesz > sizeof(file->interpreter) ||
	    !range_within(header->p_offset, header->p_filesz, file->size) ||
	    data[header->p_offset + header->p_filesz - 1])
		return error_set(error, ENOEXEC, "%s names no interpreter that could be found",
				 name);
	memcpy(file->interpreter, data + header->p_offset, header->p_filesz);
	return 0;
}

int elf_file_parse(struct elf_file *file, const uint8_t *data, size_t size, const char *name,
		   struct error *error)
{
	*file = (struct elf_file){.size = size};
	Elf64_Ehdr header = {0};
	memcpy(&header, data, size < sizeof(header) ? size : sizeof(header));
	int result = check_header(&header, size, name, error);
	if (result)
		return result;
	for (size_t i = 0; i < header.e_phnum; i++) {
		Elf64_Phdr segment;
		memcpy(&segment, data + header.e_phoff + i * sizeof(segment), sizeof(segment));
		if (segment.p_type == PT_INTERP) {
			result = set_interpreter(file, data, &segment, name, error);
			if (result)
				return result;
		}
		if (segment.p_type == PT_GNU_STACK)
			file->executable_stack = segment.p_flags & PF_X;
		if (segment.p_type != PT_LOAD)
			continue;
		result = add_segment(file, &segment, name, error);
		if (result)
			return result;
		/* The program headers are found through the segment that holds them. */
		if (segment.p_offset <= header.e_phoff &&
		    header.e_phoff - segment.p_offset < segment.p_filesz)
			file->headers_address =
			    segment.p_vaddr + (header.e_phoff - segment.p_offset);
	}
	if (!file->segment_count)
		return error_set(error, ENOEXEC, "%s has nothing to load", name);
	bool entry_found = false;
	for (size_t i = 0; i < file->segment_count; i++) {
		const struct elf_segment *segment = &file->segments[i];
		if (header.e_entry >= segment->address &&
		    header.e_entry - segment->address < segment->memory_size &&
		    (segment->protection & GUEST_EXECUTE))
			entry_found = true;
	}
	if (!entry_found)
		return error_set(error, ENOEXEC, "%s starts at %#lx, where it has no code", name,
				 header.e_entry);
	file->entry = header.e_entry;
	file->header_count = header.e_phnum;
	file->is_pie = header.e_type == ET_DYN;
	return 0;
}

int elf_file_open(struct elf_file *file, const char *path, struct error *error)
{
	cleanup_free uint8_t *data = NULL;
	size_t size = 0;
	*file = (struct elf_file){0};
	int result = file_read(path, ELF_FILE_MAX, &data, &size, error);
	if (result)
		return result;
	result = elf_file_parse(file, data, size, path, error);
	if (result)
		return result;
	file->data = take_pointer(data);
	return 0;
}

void elf_file_release(struct elf_file *file)
{
	if (file->mapped)
		munmap(file->data, file->size);
	else
		free(file->data);
	*file = (struct elf_file){0};
}

/* Copies section header `index`; false where it is not within the file. */
static bool section_at(const struct elf_file *file, const Elf64_Ehdr *header, size_t index,
		       Elf64_Shdr *section)
{
	uint64_t offset;
	if (index >= header->e_shnum || header->e_shentsize != sizeof(*section) ||
	    add_overflows(header->e_shoff, index * sizeof(*section), &offset) ||
	    !range_within(offset, sizeof(*section), file->size))
		return false;
	memcpy(section, file->data + offset, sizeof(*section));
	return section->sh_type == SHT_NOBITS ||
	       range_within(section->sh_offset, section->sh_size, file->size);
}

const char *elf_file_symbol(const struct elf_file *file, uint64_t address, uint64_t *offset)
{
	if (!file->data)
		return NULL;
	Elf64_Ehdr header;
	memcpy(&header, file->data, sizeof(header));
	for (size_t i = 0; i < header.e_shnum; i++) {
		Elf64_Shdr symbols, names;
		if (!section_at(file, &header, i, &symbols) || symbols.sh_type != SHT_SYMTAB ||
		    !section_at(file, &header, symbols.sh_link, &names) || !names.sh_size ||
		    names.sh_type != SHT_STRTAB)
			continue;
		const char *strings = (const char *)file->data + names.sh_offset;
		if (strings[names.sh_size - 1])
			break; /* then each name would have to be searched for its end */
		/* A sound file has one symbol table. One with thousands is made to keep us busy. */
		for (uint64_t at = 0; at + sizeof(Elf64_Sym) <= symbols.sh_size;
		     at += sizeof(Elf64_Sym)) {
			Elf64_Sym symbol;
			memcpy(&symbol, file->data + symbols.sh_offset + at, sizeof(symbol));
			if (ELF64_ST_TYPE(symbol.st_info) != STT_FUNC ||
			    address < symbol.st_value ||
			    address - symbol.st_value >= symbol.st_size ||
			    symbol.st_name >= names.sh_size)
				continue;
			*offset = address - symbol.st_value;
			return strings + symbol.st_name;
		}
		break;
	}
	return NULL;
}
