/* What tells Linux kernels from other files; see linux_kernel.h. */
#include "linux_kernel.h"

#include <elf.h>
#include <string.h>
#include <sys/stat.h>

#include "sizes/sizes.h"

#define MAGIC	       0x53726448U /* "HdrS" */
#define PROGRAMS_MAX   64
#define NOTES_MAX      64
#define NOTE_PVH_ENTRY 18 /* XEN_ELFNOTE_PHYS32_ENTRY */
#define NOTE_NAME      "Xen"
#define UPPER_HALF_64  (1UL << 63)
#define UPPER_HALF_32  (1UL << 31)

bool linux_bzimage_recognise(const uint8_t *head, size_t length)
{
	uint32_t magic;
	if (length < LINUX_MAGIC_OFFSET + sizeof(magic))
		return false;
	memcpy(&magic, head + LINUX_MAGIC_OFFSET, sizeof(magic));
	return magic == MAGIC;
}

/* The entry that a note names whose name and content stand at `at`; 0: it is another note. */
static uint64_t read_note(const struct elf_source *source, const Elf64_Nhdr *note, uint64_t at)
{
	char name[sizeof(NOTE_NAME)];
	uint64_t entry = 0;
	if (note->n_type != NOTE_PVH_ENTRY || note->n_namesz != sizeof(name) ||
	    (note->n_descsz != sizeof(uint32_t) && note->n_descsz != sizeof(entry)) ||
	    !elf_read(source, at, name, sizeof(name)) || memcmp(name, NOTE_NAME, sizeof(name)) != 0)
		return 0;
	return elf_read(source, at + sizeof(name), &entry, note->n_descsz) ? entry : 0;
}

static uint64_t search_notes(const struct elf_source *source, uint64_t offset, uint64_t size)
{
	uint64_t at = 0;
	if (!range_within(offset, size, source->size))
		return 0;
	for (int i = 0; i < NOTES_MAX && range_within(at, sizeof(Elf64_Nhdr), size); i++) {
		Elf64_Nhdr note;
		if (!elf_read(source, offset + at, &note, sizeof(note)))
			return 0;
		at += sizeof(note);
		const uint64_t entry = read_note(source, &note, offset + at);
		if (entry)
			return entry;
		at += round_up(note.n_namesz, 4) + round_up(note.n_descsz, 4);
	}
	return 0;
}

uint64_t linux_pvh_entry(const struct elf_source *source, const struct elf_header *header)
{
	uint64_t entry = 0;
	for (unsigned i = 0; i < header->programs.count && i < PROGRAMS_MAX && !entry; i++) {
		struct elf_program program;
		if (elf_read_program(source, header, i, &program) && program.type == PT_NOTE)
			entry = search_notes(source, program.offset, program.file_size);
	}
	return entry;
}

static bool is_for_upper_half(const struct elf_source *source, const struct elf_header *header)
{
	const uint64_t half = header->is_64_bit ? UPPER_HALF_64 : UPPER_HALF_32;
	for (unsigned i = 0; i < header->programs.count && i < PROGRAMS_MAX; i++) {
		struct elf_program program;
		if (elf_read_program(source, header, i, &program) && program.type == PT_LOAD &&
		    program.address >= half && program.address != program.physical)
			return true;
	}
	return false;
}

bool linux_elf_recognise(int fd)
{
	struct stat status;
	struct elf_header header;
	if (fstat(fd, &status))
		return false;
	const struct elf_source source = {.fd = fd, .size = (uint64_t)status.st_size};
	return elf_read_header(&source, &header) &&
	       ((header.machine == EM_X86_64 && linux_pvh_entry(&source, &header)) ||
		is_for_upper_half(&source, &header));
}
