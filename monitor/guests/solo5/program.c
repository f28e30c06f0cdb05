/* ELF files of Solo5; see program.h. Every number in the file is somebody else's. The rules are those
 * of Solo5's own loader: a segment without bytes in the file is not loaded, as memory is zero anyway.
 */
#include "program.h"

#include <elf.h>
#include <errno.h>
#include <string.h>

#include "mayfly/guest_abi.h"
#include "monitor/formats/solo5_abi.h"
#include "sizes/sizes.h"

int solo5_program_check(const uint8_t *file, size_t size, struct error *error)
{
	Elf64_Ehdr header;
	if (size < EI_NIDENT || memcmp(file, ELFMAG, SELFMAG) != 0)
		return error_set(error, ENOEXEC, "it is no ELF file");
	if (file[EI_CLASS] != ELFCLASS64)
		return error_set(error, ENOEXEC,
				 "it is an image of 32 bits: Mayfly runs images for x86-64");
	if (size < sizeof(header))
		return error_set(error, ENOEXEC, "it is cut off within its ELF header");
	memcpy(&header, file, sizeof(header));
	if (header.e_ident[EI_DATA] != ELFDATA2LSB || header.e_machine != EM_X86_64)
		return error_set(error, ENOEXEC,
				 "it is an image for another processor (ELF machine %u): Mayfly "
				 "runs images for x86-64",
				 header.e_machine);
	if (header.e_type != ET_EXEC)
		return error_set(error, ENOEXEC, "it is an ELF file of type %u, and no image",
				 header.e_type);
	if (header.e_phentsize != sizeof(Elf64_Phdr) || !header.e_phnum)
		return error_set(error, ENOEXEC, "it has no program headers");
	if (!range_within(header.e_phoff, (uint64_t)header.e_phnum * sizeof(Elf64_Phdr), size))
		return error_set(error, ENOEXEC, "it is cut off within its program headers");
	return 0;
}

/* The pages of a segment. */
static int find_pages(struct solo5_segment *segment, const Elf64_Phdr *header, uint64_t memory,
		      struct error *error)
{
	const uint64_t align = header->p_align ? header->p_align : 1;
	uint64_t end;
	if (align & (align - 1))
		return error_set(error, ENOEXEC,
				 "its segment at %#lx is aligned by %lu, which is no power of two",
				 header->p_vaddr, align);
	if (header->p_memsz < header->p_filesz ||
	    add_overflows(header->p_vaddr, header->p_memsz, &end) ||
	    round_up_overflows(end, align, &end))
		return error_set(error, ENOEXEC,
				 "its segment at %#lx is one that no memory can hold",
				 header->p_vaddr);
	segment->start = round_down(header->p_vaddr, align);
	segment->end = end;
	if (segment->start < SOLO5_GUEST_BASE)
		return error_set(error, ENOEXEC, "its segment at %#lx begins below %#lx",
				 header->p_vaddr, SOLO5_GUEST_BASE);
	if (segment->start % GUEST_PAGE_SIZE || segment->end % GUEST_PAGE_SIZE)
		return error_set(error, ENOEXEC, "its segment at %#lx is not made of pages",
				 header->p_vaddr);
	if (segment->end > memory)
		return error_set(error, ENOEXEC,
				 "it ends at %lu MiB, and the guest has %lu MiB of memory: give "
				 "more with --memory",
				 divide_up(segment->end, 1UL << 20), memory >> 20);
	return 0;
}

static int add_segment(struct solo5_program *program, const Elf64_Phdr *header, size_t size,
		       uint64_t memory, struct error *error)
{
	struct solo5_segment segment = {
	    .address = header->p_vaddr,
	    .file_size = header->p_filesz,
	    .offset = header->p_offset,
	    .writable = header->p_flags & PF_W,
	    .executable = header->p_flags & PF_X,
	};
	if (!range_within(header->p_offset, header->p_filesz, size))
		return error_set(
		    error, ENOEXEC,
		    "it is cut off: a segment of %lu bytes at %#lx ends beyond the file",
		    header->p_filesz, header->p_offset);
	int result = find_pages(&segment, header, memory, error);
	if (result)
		return result;
	if (segment.writable && segment.executable)
		return error_set(error, ENOEXEC,
				 "its segment at %#lx is both writable and executable",
				 header->p_vaddr);
	if (segment.start < program->end)
		return error_set(error, ENOEXEC,
				 "its segment at %#lx is not above the one before it",
				 header->p_vaddr);
	if (program->segment_count == SOLO5_SEGMENTS_MAX)
		return error_set(error, ENOEXEC, "it has more than %d segments",
				 SOLO5_SEGMENTS_MAX);
	program->end = segment.end;
	program->segments[program->segment_count++] = segment;
	return 0;
}

int solo5_program_parse(struct solo5_program *program, const uint8_t *file, size_t size,
			uint64_t memory, struct error *error)
{
	Elf64_Ehdr header;
	Elf64_Phdr segment;
	memcpy(&header, file, sizeof(header));
	*program = (struct solo5_program){.entry = header.e_entry};
	for (size_t i = 0; i < header.e_phnum; i++) {
		memcpy(&segment, file + header.e_phoff + i * sizeof(segment), sizeof(segment));
		if (segment.p_type != PT_LOAD || !segment.p_filesz)
			continue;
		int result = add_segment(program, &segment, size, memory, error);
		if (result)
			return result;
	}
	if (!program->segment_count)
		return error_set(error, ENOEXEC, "it has nothing to load");
	for (size_t i = 0; i < program->segment_count; i++) {
		const struct solo5_segment *place = &program->segments[i];
		if (place->executable && program->entry >= place->start &&
		    program->entry < place->end)
			return 0;
	}
	return error_set(error, ENOEXEC, "it starts at %#lx, where it has no code", program->entry);
}
