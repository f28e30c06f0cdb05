/* Notes of Solo5; see solo5_notes.h. */
#include "solo5_notes.h"

#include <elf.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "sizes/sizes.h"

#define HEADERS_MAX 64 /* program headers that are looked at to tell what a file is */

static bool is_ours(const struct solo5_note *note, uint32_t type)
{
	return note->name_size == sizeof(SOLO5_NOTE_NAME) &&
	       !memcmp(note->name, SOLO5_NOTE_NAME, sizeof(SOLO5_NOTE_NAME)) && note->type == type;
}

static bool read_at(int fd, void *out, size_t length, uint64_t offset)
{
	return offset <= INT64_MAX && pread(fd, out, length, (off_t)offset) == (ssize_t)length;
}

uint32_t solo5_target_of(int fd)
{
	Elf64_Ehdr header;
	Elf64_Phdr segment;
	struct {
		struct solo5_note note;
		struct solo5_abi abi;
	} found;
	if (fd < 0 || !read_at(fd, &header, sizeof(header), 0) ||
	    memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
	    header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_phentsize != sizeof(segment))
		return 0;
	for (size_t i = 0; i < header.e_phnum && i < HEADERS_MAX; i++) {
		uint64_t place;
		if (add_overflows(header.e_phoff, i * sizeof(segment), &place) ||
		    !read_at(fd, &segment, sizeof(segment), place))
			return 0;
		if (segment.p_type == PT_NOTE && segment.p_filesz >= sizeof(found) &&
		    read_at(fd, &found, sizeof(found), segment.p_offset) &&
		    is_ours(&found.note, SOLO5_NOTE_ABI))
			return found.abi.target;
	}
	return 0;
}

int solo5_note_find(const uint8_t *file, size_t file_size, uint32_t type, const uint8_t **content,
		    size_t *size, struct error *error)
{
	Elf64_Ehdr header;
	Elf64_Phdr segment;
	struct solo5_note note;
	*size = 0;
	memcpy(&header, file, sizeof(header));
	for (size_t i = 0; i < header.e_phnum; i++) {
		memcpy(&segment, file + header.e_phoff + i * sizeof(segment), sizeof(segment));
		if (segment.p_type != PT_NOTE || segment.p_filesz < sizeof(note))
			continue;
		if (!range_within(segment.p_offset, segment.p_filesz, file_size))
			return error_set(error, ENOEXEC,
					 "it is cut off: a note of %lu bytes at %#lx ends beyond "
					 "the file",
					 segment.p_filesz, segment.p_offset);
		memcpy(&note, file + segment.p_offset, sizeof(note));
		if (!is_ours(&note, type))
			continue;
		if (note.content_size > segment.p_filesz - sizeof(note))
			return error_set(error, ENOEXEC,
					 "its note %.4s says that it has %u bytes, and has %lu",
					 (const char *)&note.type, note.content_size,
					 segment.p_filesz - sizeof(note));
		*content = file + segment.p_offset + sizeof(note);
		*size = note.content_size;
		return 0;
	}
	return 0;
}

static const char *target_name(uint32_t target)
{
	static const char *const names[] = {
	    [SOLO5_HVT] = "hvt",   [SOLO5_SPT] = "spt",	      [SOLO5_VIRTIO] = "virtio",
	    [SOLO5_MUEN] = "muen", [SOLO5_GENODE] = "genode", [SOLO5_XEN] = "xen",
	};
	return target && target < ARRAY_SIZE(names) ? names[target] : "that nobody knows";
}

int solo5_abi_check(const uint8_t *file, size_t size, uint32_t target, struct error *error)
{
	const uint8_t *content;
	size_t length;
	struct solo5_abi abi;
	int result = solo5_note_find(file, size, SOLO5_NOTE_ABI, &content, &length, error);
	if (result)
		return result;
	if (length < sizeof(abi))
		return error_set(error, ENOEXEC,
				 "it has no note ABI1, which images of Solo5 begin with");
	memcpy(&abi, content, sizeof(abi));
	if (abi.target != target)
		return error_set(error, ENOEXEC,
				 "it is an image of Solo5 for the target %s: build it for %s",
				 target_name(abi.target), target_name(target));
	if (abi.version != SOLO5_ABI_VERSION)
		return error_set(error, ENOEXEC,
				 "it is an image of Solo5 for version %u of the ABI of %s, and "
				 "Mayfly has version %d: build it by Solo5 0.8 or later",
				 abi.version, target_name(target), SOLO5_ABI_VERSION);
	return 0;
}
