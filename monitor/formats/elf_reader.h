/* ELF files of 32 and of 64 bits, read the same way. Needs no machine. */
#ifndef MAYFLY_MONITOR_ELF_READER_H
#define MAYFLY_MONITOR_ELF_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is read from: a file in memory, or one that is open. */
struct elf_source {
	const uint8_t *data; /* NULL: fd is read */
	int fd;
	uint64_t size;
};

/* A table in the file: program headers, section headers. */
struct elf_table {
	uint64_t offset;
	uint16_t entry_size, count;
};

struct elf_header {
	bool is_64_bit;
	uint16_t type, machine;
	uint64_t entry;
	struct elf_table programs, sections;
	uint16_t names; /* the section that has the sections' names */
};

struct elf_program {
	uint32_t type, flags;
	uint64_t offset, file_size, physical, memory_size;
	uint64_t address; /* where it runs, as opposed to where it is loaded */
};

struct elf_section {
	uint32_t name, type;
	uint64_t flags, offset, size;
};

/* Copies bytes of the file; false where it does not have them. */
bool elf_read(const struct elf_source *source, uint64_t offset, void *out, size_t length);

/* False for what is no ELF file of either size, or is cut off before the end of its header. */
bool elf_read_header(const struct elf_source *source, struct elf_header *header);

/* Entry `i` of the tables; false where the file has none such. */
bool elf_read_program(const struct elf_source *source, const struct elf_header *header, unsigned i,
		      struct elf_program *program);
bool elf_read_section(const struct elf_source *source, const struct elf_header *header, unsigned i,
		      struct elf_section *section);

#endif
