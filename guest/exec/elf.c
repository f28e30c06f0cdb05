/* ELF programs; see elf.h. What is refused here Linux refuses as well, or ends the program for. */
#include "elf.h"

#include <errno.h>

#include "guest/lib/text.h"
#include "mayfly/guest_abi.h"
#include "sizes/sizes.h"

#define ALIGNMENT_MAX (1UL << 30)

int elf_check_header(const Elf64_Ehdr *header)
{
	/* Of the identification Linux looks at no more. */
	if (memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 || header->e_machine != EM_X86_64)
		return -ENOEXEC;
	if (header->e_type != ET_EXEC && header->e_type != ET_DYN)
		return -ENOEXEC;
	if (header->e_phentsize != sizeof(Elf64_Phdr) || !header->e_phnum ||
	    header->e_phnum > ELF_HEADERS_MAX)
		return -ENOEXEC;
	return 0;
}

static uint32_t protection_of(uint32_t flags)
{
	return (flags & PF_R ? GUEST_READ : 0) | (flags & PF_W ? GUEST_WRITE : 0) |
	       (flags & PF_X ? GUEST_EXECUTE : 0);
}

static int add_segment(struct elf_program *program, const Elf64_Phdr *header, uint64_t file_size)
{
	uint64_t end, end_page;
	if (!header->p_memsz)
		return 0;
	if (!range_within(header->p_offset, header->p_filesz, file_size) ||
	    header->p_filesz > header->p_memsz ||
	    header->p_vaddr % GUEST_PAGE_SIZE != header->p_offset % GUEST_PAGE_SIZE ||
	    program->segment_count == ELF_SEGMENTS_MAX)
		return -ENOEXEC;
	if (add_overflows(header->p_vaddr, header->p_memsz, &end) ||
	    round_up_overflows(end, GUEST_PAGE_SIZE, &end_page) || end_page > GUEST_PROGRAM_LIMIT)
		return -ENOMEM;
	const uint64_t start_page = round_down(header->p_vaddr, GUEST_PAGE_SIZE);
	if (!program->segment_count || start_page < program->low)
		program->low = start_page;
	if (end_page > program->high)
		program->high = end_page;
	if (header->p_align > program->alignment && header->p_align <= ALIGNMENT_MAX &&
	    !(header->p_align & (header->p_align - 1)))
		program->alignment = header->p_align;
	program->segments[program->segment_count++] = (struct elf_segment){
	    .address = header->p_vaddr,
	    .memory_size = header->p_memsz,
	    .offset = header->p_offset,
	    .file_size = header->p_filesz,
	    .protection = protection_of(header->p_flags),
	};
	return 0;
}

/* The size counts the path's NUL. */
static int set_interpreter(struct elf_program *program, const Elf64_Phdr *header,
			   uint64_t file_size)
{
	if (header->p_filesz < 2 || header->p_filesz > ELF_INTERPRETER_MAX ||
	    !range_within(header->p_offset, header->p_filesz, file_size))
		return -ENOEXEC;
	program->interpreter_offset = header->p_offset;
	program->interpreter_size = header->p_filesz;
	return 0;
}

static int add_header(struct elf_program *program, const Elf64_Phdr *header, uint64_t file_size)
{
	switch (header->p_type) {
	case PT_LOAD:
		return add_segment(program, header, file_size);
	case PT_INTERP: /* the first one counts */
		return program->interpreter_size ? 0 : set_interpreter(program, header, file_size);
	case PT_GNU_STACK:
		program->executable_stack = header->p_flags & PF_X;
		return 0;
	default:
		return 0;
	}
}

/* They are found through the segment that holds them. */
static uint64_t find_headers(const struct elf_program *program, uint64_t offset)
{
	for (size_t i = 0; i < program->segment_count; i++) {
		const struct elf_segment *segment = &program->segments[i];
		if (offset >= segment->offset && offset - segment->offset < segment->file_size)
			return segment->address + (offset - segment->offset);
	}
	return 0;
}

int elf_parse(struct elf_program *program, const Elf64_Ehdr *header, const Elf64_Phdr *headers,
	      uint64_t file_size)
{
	*program = (struct elf_program){
	    .entry = header->e_entry,
	    .header_count = header->e_phnum,
	    .is_movable = header->e_type == ET_DYN,
	    .alignment = GUEST_PAGE_SIZE,
	};
	for (size_t i = 0; i < header->e_phnum; i++) {
		int error = add_header(program, &headers[i], file_size);
		if (error)
			return error;
	}
	if (!program->segment_count)
		return -ENOEXEC;
	program->headers_address = find_headers(program, header->e_phoff);
	return 0;
}
