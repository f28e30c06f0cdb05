/* Where the instructions of an ELF file are, as its sections say, and sections that say nothing. */
#include <elf.h>
#include <string.h>

#include "check.h"
#include "monitor/formats/elf_code.h"
#include "sizes/sizes.h"

#define CODE (SHF_ALLOC | SHF_EXECINSTR)

struct file {
	Elf64_Ehdr header;
	Elf64_Shdr sections[ELF_CODES_MAX + 2];
	uint8_t contents[4096];
};
static struct file file;
static struct elf_code codes[ELF_CODES_MAX];

static Elf64_Shdr section(uint64_t flags, uint64_t offset, uint64_t size)
{
	return (Elf64_Shdr){
	    .sh_type = SHT_PROGBITS, .sh_flags = flags, .sh_offset = offset, .sh_size = size};
}

static size_t find(uint16_t count, uint64_t size)
{
	const struct elf_source source = {.data = (const uint8_t *)&file, .fd = -1, .size = size};
	struct elf_header header;
	file.header = (Elf64_Ehdr){
	    .e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
	    .e_shoff = offsetof(struct file, sections),
	    .e_shentsize = sizeof(Elf64_Shdr),
	    .e_shnum = count};
	memset(codes, 0, sizeof(codes));
	CHECK(elf_read_header(&source, &header));
	return elf_code_find(&source, &header, codes);
}

int main(void)
{
	CHECK_NUMBER(find(0, sizeof(file)), 0);
	/* In the file's order, without data and what is not loaded. */
	file.sections[0] = section(CODE, 2000, 100);
	file.sections[1] = section(SHF_ALLOC, 1900, 100);
	file.sections[2] = section(CODE | SHF_WRITE, 1000, 50);
	file.sections[3] = section(SHF_EXECINSTR, 3000, 50);
	file.sections[4] = section(CODE, 1050, 50);
	file.sections[5] = section(CODE, 1100, 0);
	CHECK_NUMBER(find(6, sizeof(file)), 3);
	CHECK(codes[0].offset == 1000 && codes[1].offset == 1050 && codes[2].offset == 2000);
	CHECK_NUMBER(codes[2].size, 100);
	/* What the file does not have, or has twice. */
	CHECK_NUMBER(find(6, 2099), 0);
	CHECK_NUMBER(find(6, sizeof(file.header) + sizeof(Elf64_Shdr)), 0);
	file.sections[4] = section(CODE, 1049, 50);
	CHECK_NUMBER(find(6, sizeof(file)), 0);
	file.sections[4] = section(CODE, 999, 2);
	CHECK_NUMBER(find(6, sizeof(file)), 0);
	file.sections[4] = section(CODE, UINT64_MAX - 1, 50);
	CHECK_NUMBER(find(6, sizeof(file)), 0);
	for (size_t i = 0; i < ARRAY_SIZE(file.sections); i++)
		file.sections[i] = section(CODE, 1000 + 10 * i, 10);
	CHECK_NUMBER(find(ELF_CODES_MAX, sizeof(file)), ELF_CODES_MAX);
	CHECK_NUMBER(find(ELF_CODES_MAX + 1, sizeof(file)), 0);
	return check_status();
}
