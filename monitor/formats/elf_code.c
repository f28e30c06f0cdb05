/* Sections with instructions; see elf_code.h. */
#include "elf_code.h"

#include <elf.h>
#include <string.h>

#include "sizes/sizes.h"

static bool is_code(const struct elf_section *section)
{
	const uint64_t wanted = SHF_ALLOC | SHF_EXECINSTR;
	return section->type == SHT_PROGBITS && (section->flags & wanted) == wanted &&
	       section->size;
}

/* Puts it in its place; false where there is none. */
static bool insert(struct elf_code codes[ELF_CODES_MAX], size_t count, struct elf_code code)
{
	size_t place = count;
	while (place && codes[place - 1].offset > code.offset)
		place--;
	if (count == ELF_CODES_MAX ||
	    (place && codes[place - 1].offset + codes[place - 1].size > code.offset) ||
	    (place < count && code.offset + code.size > codes[place].offset))
		return false;
	memmove(codes + place + 1, codes + place, (count - place) * sizeof(*codes));
	codes[place] = code;
	return true;
}

size_t elf_code_find(const struct elf_source *source, const struct elf_header *header,
		     struct elf_code codes[ELF_CODES_MAX])
{
	struct elf_section section;
	size_t count = 0;
	for (unsigned i = 0; i < header->sections.count; i++) {
		if (!elf_read_section(source, header, i, &section))
			return 0;
		if (!is_code(&section))
			continue;
		if (!range_within(section.offset, section.size, source->size) ||
		    !insert(codes, count, (struct elf_code){section.offset, section.size}))
			return 0;
		count++;
	}
	return count;
}
