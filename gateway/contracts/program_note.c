/* What a program's ELF file says about its contract. The file is a stranger's. */
#include "mayfly/program_note.h"

#include <elf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "contracts/contract.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"

#define SEGMENTS_MAX 128
#define NOTES_MAX    65536 /* bytes of a segment */
#define WORD_SIZE    32

/* 1: all of it was there; 0: not; or a negative errno. */
static int read_at(int file, void *data, size_t size, uint64_t offset)
{
	if (offset > INT64_MAX)
		return 0;
	ssize_t got = pread(file, data, size, (off_t)offset);
	return got < 0 ? -errno : (size_t)got == size;
}

/* The next note of `rest`; false at the end, or where what is there is none. */
static bool next_note(const uint8_t **rest, size_t *left, Elf64_Nhdr *note, const uint8_t **name,
		      const uint8_t **text)
{
	if (*left < sizeof(*note))
		return false;
	memcpy(note, *rest, sizeof(*note));
	const uint64_t name_room = round_up(note->n_namesz, 4);
	const uint64_t text_room = round_up(note->n_descsz, 4);
	if (name_room + text_room > *left - sizeof(*note))
		return false;
	*name = *rest + sizeof(*note);
	*text = *name + name_room;
	*rest = *text + text_room;
	*left -= sizeof(*note) + name_room + text_room;
	return true;
}

static int find_in_notes(const uint8_t *notes, size_t length, enum contract_kind *kind)
{
	Elf64_Nhdr note;
	const uint8_t *name, *text;
	while (next_note(&notes, &length, &note, &name, &text)) {
		char word[WORD_SIZE];
		if (note.n_type != MAYFLY_NOTE_CONTRACT ||
		    note.n_namesz != sizeof(MAYFLY_NOTE_NAME) ||
		    memcmp(name, MAYFLY_NOTE_NAME, sizeof(MAYFLY_NOTE_NAME)) != 0 ||
		    note.n_descsz >= sizeof(word))
			continue;
		memcpy(word, text, note.n_descsz);
		word[note.n_descsz] = 0;
		return contract_find(word, kind);
	}
	return -ENOENT;
}

static int look_into_segment(int file, const Elf64_Phdr *segment, enum contract_kind *kind)
{
	if (segment->p_type != PT_NOTE || segment->p_filesz > NOTES_MAX)
		return -ENOENT;
	cleanup_free uint8_t *notes = malloc(segment->p_filesz + 1);
	if (!notes)
		return -ENOMEM;
	int result = read_at(file, notes, segment->p_filesz, segment->p_offset);
	return result > 0 ? find_in_notes(notes, segment->p_filesz, kind)
	       : result	  ? result
			  : -ENOENT;
}

int contract_of_program(int file, enum contract_kind *kind)
{
	Elf64_Ehdr header;
	int result = read_at(file, &header, sizeof(header), 0);
	if (result <= 0)
		return result ? result : -ENOENT;
	if (memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
	    header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB ||
	    header.e_phentsize != sizeof(Elf64_Phdr))
		return -ENOENT;
	result = -ENOENT;
	for (unsigned i = 0; i < header.e_phnum && i < SEGMENTS_MAX && result == -ENOENT; i++) {
		Elf64_Phdr segment;
		uint64_t offset;
		if (add_overflows(header.e_phoff, i * sizeof(segment), &offset))
			return -ENOENT;
		result = read_at(file, &segment, sizeof(segment), offset);
		if (result > 0)
			result = look_into_segment(file, &segment, kind);
		else if (!result)
			return -ENOENT;
	}
	return result;
}
