/* Which files are images of Unikraft, and by which protocol they start; see unikraft_protocol.h. */
#include "unikraft_protocol.h"

#include <elf.h>
#include <string.h>
#include <sys/stat.h>

#include "sizes/sizes.h"

#define ENTRY_BYTES	    64
#define MULTIBOOT_SEARCHED  8192UL
#define MULTIBOOT_MAGIC	    0x1badb002U
#define SECTION_PREFIX	    ".uk_"
#define PROGRAM_HEADERS_MAX 64

/* An image compares, with its first instructions, a register or the place of a structure with what
 * its boot protocol says. So that is how to know which protocol it is. */
static const struct {
	uint32_t compared;
	enum unikraft_protocol protocol;
} protocols[] = {
    {0x53726448, UNIKRAFT_LINUX},     /* "HdrS" in the zero page */
    {0x2badb002, UNIKRAFT_MULTIBOOT}, /* in EAX */
};

/* The bytes that the processor begins with. */
static bool read_entry_code(const struct elf_source *source, const struct elf_header *header,
			    uint8_t code[ENTRY_BYTES])
{
	struct elf_program program;
	for (unsigned i = 0; i < PROGRAM_HEADERS_MAX; i++) {
		if (!elf_read_program(source, header, i, &program))
			return false;
		const uint64_t within = header->entry - program.physical;
		if (program.type == PT_LOAD && header->entry >= program.physical &&
		    range_within(within, ENTRY_BYTES, program.file_size) &&
		    program.offset <= source->size)
			return elf_read(source, program.offset + within, code, ENTRY_BYTES);
	}
	return false;
}

enum unikraft_protocol unikraft_protocol_of(const struct elf_source *source,
					    const struct elf_header *header)
{
	uint8_t code[ENTRY_BYTES];
	if (!read_entry_code(source, header, code))
		return UNIKRAFT_UNKNOWN;
	for (size_t i = 0; i < ARRAY_SIZE(protocols); i++)
		if (memmem(code, sizeof(code), &protocols[i].compared,
			   sizeof(protocols[i].compared)))
			return protocols[i].protocol;
	return UNIKRAFT_UNKNOWN;
}

bool unikraft_has_multiboot(const struct elf_source *source)
{
	uint32_t words[MULTIBOOT_SEARCHED / sizeof(uint32_t)] = {0};
	const uint64_t size = source->size < sizeof(words) ? source->size : sizeof(words);
	if (!elf_read(source, 0, words, size))
		return false;
	for (size_t i = 0; i + 2 < ARRAY_SIZE(words); i++)
		if (words[i] == MULTIBOOT_MAGIC && words[i] + words[i + 1] + words[i + 2] == 0)
			return true;
	return false;
}

/* True where a section has a name of Unikraft's. */
static bool has_sections(const struct elf_source *source, const struct elf_header *header)
{
	struct elf_section names, section;
	char name[sizeof(SECTION_PREFIX) - 1];
	if (!elf_read_section(source, header, header->names, &names))
		return false;
	for (unsigned i = 0; elf_read_section(source, header, i, &section); i++)
		if (range_within(section.name, sizeof(name), names.size) &&
		    names.offset <= source->size &&
		    elf_read(source, names.offset + section.name, name, sizeof(name)) &&
		    !memcmp(name, SECTION_PREFIX, sizeof(name)))
			return true;
	return false;
}

bool unikraft_recognise(int fd)
{
	struct stat status;
	struct elf_header header;
	if (fstat(fd, &status))
		return false;
	const struct elf_source source = {.fd = fd, .size = (uint64_t)status.st_size};
	if (!elf_read_header(&source, &header))
		return false;
	if (!header.is_64_bit)
		return unikraft_has_multiboot(&source);
	return has_sections(&source, &header) ||
	       unikraft_protocol_of(&source, &header) == UNIKRAFT_LINUX;
}
