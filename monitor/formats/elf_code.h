/* Where the instructions of an ELF file are, as its sections say: segments may have data beside them.
 * Needs no machine. */
#ifndef MAYFLY_MONITOR_ELF_CODE_H
#define MAYFLY_MONITOR_ELF_CODE_H

#include "elf_reader.h"

#define ELF_CODES_MAX 8

/* A section with instructions, in the file. */
struct elf_code {
	uint64_t offset, size;
};

/* Finds all of them, in their order in the file; returns how many. 0: nothing is known, as there are
 * no section headers, more sections than that, or such as overlap. */
size_t elf_code_find(const struct elf_source *source, const struct elf_header *header,
		     struct elf_code codes[ELF_CODES_MAX]);

#endif
